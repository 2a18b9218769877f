from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from penstock.status import TERMINAL, Phase
from penstock_operator.admission.view import TaskView
from penstock_operator.index import Index
from tests.unit.penstock_operator.admission.views import body, parsed

NAMES = "abcde"


def task(name: str, uid: str, parents: list[str], phase: Phase = Phase.PENDING) -> TaskView:
    spec = {"dependsOn": [{"name": parent} for parent in parents], "queue": f"q{len(parents)}"}
    manifest = body(spec, {"phase": phase})
    manifest["metadata"] |= {"name": name, "uid": uid}
    return parsed(manifest)


class IndexMachine(RuleBasedStateMachine):
    """Beside a plain dict, of which all answers are computed anew."""

    def __init__(self) -> None:
        super().__init__()
        self.index = Index()
        self.model: dict[str, TaskView] = {}

    @rule(
        name=st.sampled_from(NAMES),
        uid=st.integers(0, 3),
        parents=st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
        phase=st.sampled_from(Phase),
    )
    def put(self, name: str, uid: int, parents: list[str], phase: Phase) -> None:
        view = task(name, f"{name}-{uid}", parents, phase)
        assert self.index.put(view) is self.model.get(name)
        self.model[name] = view

    @rule(name=st.sampled_from(NAMES), uid=st.integers(0, 3))
    def pop(self, name: str, uid: int) -> None:
        there = self.model.get(name)
        expected = self.model.pop(name) if there is not None and there.uid == f"{name}-{uid}" else None
        assert self.index.pop(f"{name}-{uid}") is expected

    @invariant()
    def it_knows_who_is_there(self) -> None:
        assert set(self.index.uids()) == {view.uid for view in self.model.values()} == set(self.index.uids("shop"))
        assert set(self.index) == {("shop", name) for name in self.model}
        assert list(self.index.uids("elsewhere")) == []
        assert set(self.index.queues()) == {("shop", view.queue) for view in self.model.values()}

    @invariant()
    def it_knows_who_depends_on_whom(self) -> None:
        for name in NAMES:
            dependents = {view.key for view in self.model.values() if name in _parents(view)}
            assert set(self.index.dependents(("shop", name))) == dependents
            awaited = any(self.model[key[1]].phase not in TERMINAL for key in dependents)
            assert self.index.awaited(("shop", name)) == awaited

    @invariant()
    def it_finds_cycles(self) -> None:
        for name, view in self.model.items():
            way = self.index.cycle(view)
            assert bool(way) == (name in self._ancestors(name))
            for here, there in pairwise(way):
                assert there in _parents(self.model[here])
            if way:
                assert way[0] == way[-1] == name

    def _ancestors(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for parent in _parents(self.model[at]) if (at := waiting.pop()) in self.model else ():
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found


def _parents(view: TaskView) -> set[str]:
    return {parent.name for parent in view.spec.depends_on}


TestIndex = IndexMachine.TestCase


@given(st.sampled_from(Phase))
def test_a_parent_is_told_with_its_phase(phase: Phase) -> None:
    index = Index()
    index.put(task("a", "1", [], phase))
    index.put(child := task("b", "2", ["a", "c"]))
    there, missing = index.parents(child)
    assert (there.name, there.phase, there.ended) == ("a", phase, phase in TERMINAL)
    assert (missing.name, missing.phase, missing.ended) == ("c", None, False)

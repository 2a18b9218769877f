from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.task import OnFailure
from penstock.status import Phase
from penstock_operator.admission.decisions import Await, Cancel, Parent, Refuse, Surroundings
from penstock_operator.admission.dependencies import cyclic, dependent
from tests.unit.penstock_operator.admission.views import CREATED, view

TASK = view({"dependsOn": [{"name": "b"}]})


@st.composite
def parents(draw: st.DrawFn) -> Parent:
    phase = draw(st.sampled_from([None, *Phase]))
    ended = phase is not None and phase.terminal and draw(st.booleans())
    return Parent(draw(st.sampled_from("bcdefghi")), draw(st.sampled_from(OnFailure)), phase, ended)


@given(st.lists(parents(), min_size=1, max_size=8), st.booleans())
def test_it_goes_on_when_all_have_ended_well_enough(around: list[Parent], released: bool) -> None:
    decision = dependent(TASK, Surroundings(CREATED, parents=around, released=released))
    fatal = any(one.ended and one.phase is not Phase.SUCCEEDED and one.on_failure is OnFailure.CANCEL for one in around)
    if released:
        assert decision is None
    elif fatal:
        assert isinstance(decision, Cancel)
    else:
        assert (decision is None) == all(one.ended for one in around)
        assert decision is None or isinstance(decision, Await)


def test_those_that_are_missing_are_named_first() -> None:
    around = [Parent("b", OnFailure.CANCEL, Phase.QUEUED, False), Parent("c", OnFailure.CANCEL, None, False)]
    decision = dependent(TASK, Surroundings(CREATED, parents=around))
    assert isinstance(decision, Await)
    assert decision.reason == "DependencyMissing"
    assert "depends on c," in decision.message


def test_a_message_is_no_list() -> None:
    around = [Parent(f"p{number}", OnFailure.RUN, Phase.QUEUED, False) for number in range(64)]
    decision = dependent(TASK, Surroundings(CREATED, parents=around))
    assert isinstance(decision, Await)
    assert decision.message.endswith("p4 and 59 more")


def test_a_cycle_is_shown() -> None:
    decision = cyclic(TASK, Surroundings(CREATED, cycle=["a", "b", "a"]))
    assert isinstance(decision, Refuse)
    assert "a → b → a" in decision.message
    assert cyclic(TASK, Surroundings(CREATED)) is None

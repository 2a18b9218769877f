from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_operator.autoscale.departure import CORDON_SECONDS, Chosen, Crew, Step, Worker, lowered, plan, strays
from penstock_operator.deletion_cost import CHOSEN_COST, USUAL_COST

NOBODY: Mapping[str, Chosen] = {}
PLACES = 8  # of a worker in the model


def crew(*workers: Worker, wants: int | None = None, exist: int = 0) -> Crew:
    return Crew(workers, len(workers) if wants is None else wants, exist)


def resting(name: str) -> Worker:
    return Worker(name, cost=CHOSEN_COST, resting=True)


def ready_to_go(**changes: object) -> Chosen:
    return replace(Chosen(0.0, cordoned_at=0.0, attended=True, marked_at=0.0), **changes)  # type: ignore[arg-type]  # by name


def test_the_count_goes_up_at_once() -> None:
    step = plan(crew(Worker("a"), Worker("b", busy=3)), NOBODY, 5, 0.0)
    assert step == Step(5)
    assert not step.under_way


def test_an_idle_worker_is_chosen_before_a_busy_one() -> None:
    step = plan(crew(Worker("a", busy=1), Worker("b"), Worker("c", busy=2)), NOBODY, 2, 0.0)
    assert (set(step.chosen), set(step.cordon), step.replicas) == ({"b"}, {"b"}, 3)


def test_where_all_are_busy_the_least_busy_is() -> None:
    step = plan(crew(Worker("a", busy=3), Worker("b", busy=1), Worker("c", busy=2)), NOBODY, 2, 0.0)
    assert (set(step.chosen), step.replicas) == ({"b"}, 3)


def test_the_count_waits_until_the_chosen_one_is_at_rest() -> None:
    chosen = {"b": Chosen(0.0, cordoned_at=0.0, attended=True)}
    step = plan(crew(Worker("a"), Worker("b")), chosen, 1, 1.0)
    assert (step.replicas, set(step.mark)) == (2, set())
    step = plan(crew(Worker("a"), Worker("b", resting=True)), chosen, 1, 1.0)
    assert (step.replicas, set(step.mark)) == (2, {"b"})


def test_the_count_waits_until_the_cost_was_seen_for_a_moment() -> None:
    step = plan(crew(Worker("a"), resting("b")), {"b": Chosen(0.0, 0.0, attended=True)}, 1, 1.0)
    assert (step.replicas, step.chosen["b"].marked_at) == (2, 1.0)
    step = plan(crew(Worker("a"), resting("b")), step.chosen, 1, 1.5)
    assert (step.replicas, set(step.leaving)) == (1, {"b"})


def test_one_that_never_attended_asks_before_it_claims() -> None:
    starting = Worker("b", ready=False, attends=False, cost=CHOSEN_COST)
    step = plan(crew(Worker("a"), starting), {"b": ready_to_go(attended=False)}, 1, 1.0)
    assert step.leaving == {"b"}


def test_one_that_has_begun_to_attend_must_say_that_it_rests() -> None:
    started = Worker("b", cost=CHOSEN_COST)
    step = plan(crew(Worker("a"), started), {"b": ready_to_go(attended=False)}, 1, 1.0)
    assert (set(step.leaving), step.replicas) == (set(), 2)


def test_an_unready_worker_that_kubernetes_would_take_first_is_waited_for() -> None:
    unready = Worker("c", ready=False, busy=1)
    step = plan(crew(Worker("a"), resting("b"), unready), {"b": ready_to_go()}, 2, 1.0)
    assert (set(step.leaving), set(step.chosen), set(step.lift), set(step.unmark)) == (set(), {"c"}, {"b"}, {"b"})


def test_demand_that_comes_back_gets_its_workers_back() -> None:
    step = plan(crew(Worker("a"), resting("b")), {"b": ready_to_go()}, 2, 1.0)
    assert (step.replicas, set(step.lift), set(step.unmark), set(step.chosen)) == (2, {"b"}, {"b"}, set())
    assert step.under_way


def test_those_for_whom_the_count_was_lowered_are_not_given_back_before_they_are_gone() -> None:
    chosen = {"b": ready_to_go(lowered_at=1.0)}
    step = plan(crew(Worker("a"), resting("b"), wants=1), chosen, 1, 2.0)
    assert (step.replicas, set(step.lift), set(step.chosen)) == (1, set(), {"b"})


def test_one_that_stays_because_another_went_works_on() -> None:
    chosen = {"b": ready_to_go(lowered_at=1.0)}
    present = crew(resting("b"), wants=1)
    assert strays({"a", "b"}, present, chosen) == {"a"}
    step = plan(present, chosen, 1, 2.0)
    assert (step.replicas, set(step.lift), set(step.unmark)) == (1, {"b"}, {"b"})


def test_who_goes_as_chosen_is_no_stray() -> None:
    chosen = {"b": ready_to_go(lowered_at=1.0)}
    assert strays({"a", "b"}, crew(Worker("a")), chosen) == frozenset()


def test_pods_that_are_not_there_yet_need_no_farewell() -> None:
    assert plan(crew(Worker("a", busy=1), wants=4), NOBODY, 2, 0.0).replicas == 2


def test_of_pods_that_exist_and_were_not_seen_yet_nobody_knows() -> None:
    assert plan(crew(Worker("a", busy=1), wants=4, exist=4), NOBODY, 1, 0.0).replicas == 4


def test_a_forgotten_mark_is_taken_off() -> None:
    """As a restarted operator finds it."""
    assert plan(crew(Worker("a", cost=CHOSEN_COST), Worker("b")), NOBODY, 2, 0.0).unmark == {"a"}


def test_a_cordon_is_renewed_before_it_ends() -> None:
    chosen = {"b": Chosen(0.0, cordoned_at=0.0, attended=True)}
    present = crew(Worker("a", busy=5), Worker("b", busy=1))
    assert plan(present, chosen, 1, 1.0).cordon == frozenset()
    assert plan(present, chosen, 1, CORDON_SECONDS / 2).cordon == {"b"}


def test_an_idle_one_takes_the_place_of_one_that_stays_busy() -> None:
    chosen = {"b": Chosen(0.0, cordoned_at=0.0, attended=True)}
    present = crew(Worker("a"), Worker("b", busy=1))
    assert set(plan(present, chosen, 1, 1.0).chosen) == {"b"}
    assert set(plan(present, chosen, 1, 10.0).chosen) == {"a"}


# --- against a model of Kubernetes and of the workers ----------------------------------------------------------------


@dataclass
class Pod:
    """A worker as it is; `Worker` is how it looks from outside."""

    created: float
    ready_at: float
    busy: int = 0
    cordoned_until: float = 0.0
    cost: int = USUAL_COST


@dataclass
class World:
    """A ReplicaSet that ranks as Kubernetes does, and pods that claim whenever they may."""

    random: Random
    now: float = 0.0
    wants: int = 0
    pods: dict[str, Pod] = field(default_factory=dict)
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    killed_busy: list[str] = field(default_factory=list)
    count: int = 0

    def looks(self, name: str, pod: Pod) -> Worker:
        up = self.now >= pod.ready_at
        rests = up and not pod.busy and pod.cordoned_until > self.now
        return Worker(
            name,
            ready=up,
            cost=pod.cost,
            created=pod.created,
            busy=pod.busy,
            attends=up,
            resting=rests,
        )

    def operate(self, desired: int) -> None:
        present = Crew([self.looks(*each) for each in self.pods.items()], self.wants, len(self.pods))
        step = plan(present, self.chosen, desired, self.now)
        chosen = dict(step.chosen)
        for name in step.lift:
            self.pods[name].cordoned_until = 0.0
        for name in step.cordon:
            self.pods[name].cordoned_until = self.now + CORDON_SECONDS
            attended = self.now >= self.pods[name].ready_at
            chosen[name] = replace(chosen[name], cordoned_at=self.now, attended=attended)
        for names, cost in ((step.mark, CHOSEN_COST), (step.unmark, USUAL_COST)):
            for name in names:
                self.pods[name].cost = cost
        self.wants, self.chosen = step.replicas, lowered(chosen, step.leaving, self.now)

    def control(self) -> None:
        """The ReplicaSet's controller."""
        while len(self.pods) < self.wants:
            self.count += 1
            self.pods[f"pod-{self.count}"] = Pod(self.now, self.now + self.random.uniform(0.5, 5))
        while len(self.pods) > self.wants:
            first = min(self.pods, key=lambda name: self._rank(self.pods[name]))
            if self.pods.pop(first).busy:
                self.killed_busy.append(first)

    def _rank(self, pod: Pod) -> tuple[bool, int, float]:
        return self.now >= pod.ready_at, pod.cost, -pod.ready_at

    def work(self, load: float) -> None:
        for pod in self.pods.values():
            if pod.busy and self.random.random() < 0.4:
                pod.busy -= 1
            free = pod.busy < PLACES and self.now >= pod.ready_at and pod.cordoned_until <= self.now
            if free and self.random.random() < load:
                pod.busy += 1

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 8), st.floats(0, 0.9)), min_size=1, max_size=8))
def test_no_busy_worker_ever_goes_and_the_count_is_reached(seed: int, wishes: list[tuple[int, float]]) -> None:
    world = World(Random(seed))
    for desired, load in wishes:
        for _ in range(100):
            world.operate(desired)
            if world.random.random() < 0.8:  # it may be slow
                world.control()
            world.work(load)
            world.pass_(0.2)
        assert world.killed_busy == []
    for _ in range(200):
        world.operate(wishes[-1][0])
        world.control()
        world.work(0.0)
        world.pass_(0.2)
    assert (len(world.pods), world.killed_busy) == (wishes[-1][0], [])

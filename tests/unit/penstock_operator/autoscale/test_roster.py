from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.messages import Attendance, Depth
from penstock_operator.autoscale.departure import Worker
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.roster import SILENT_SECONDS, holders, roster
from tests.unit.penstock_operator.pod_bodies import CREATED_AT, EVICTED, STARTING, UP, view

POD, OTHER = "fast-workers-7d4b9c6f5-x2x7k", "fast-workers-7d4b9c6f5-q8w2z"
UP_HERE = view(UP, name=POD)


def process(number: int, worker: str = POD, *, busy: int = 0, resting: bool = False, seen: float = 0.5) -> Attendance:
    """One of a pod's processes, by the name that `worker` gives it."""
    return Attendance(f"{worker}-{number}-c0ffee", worker, busy=busy, resting=resting, seen=seen)


def worker(*said: Attendance, held: int = 0, pod: PodView = UP_HERE) -> Worker:
    """The only one there."""
    [found] = roster([pod], Depth(workers=said), {pod.name: held})
    return found


def test_a_pod_holds_what_its_processes_hold_in_all_queues() -> None:
    mail = Depth(holding={f"{POD}-7-c0ffee": 3, f"{POD}-8-c0ffee": 1, f"{OTHER}-7-beef": 2})
    reports = Depth(holding={f"{POD}-7-c0ffee": 4})
    assert holders([mail, reports]) == {POD: 8, OTHER: 2}
    assert holders([]) == {}


def test_whose_a_consumer_is_it_says_itself_in_whatever_queue_it_attends() -> None:
    home = Depth(workers=(Attendance("renamed", POD),))
    assert holders([Depth(holding={"renamed": 2}), home]) == {POD: 2}


@pytest.mark.parametrize("said", [(), (Attendance(f"{POD}-7-c0ffee", ""),)])
def test_until_it_says_so_its_name_does(said: tuple[Attendance, ...]) -> None:
    assert holders([Depth(holding={f"{POD}-7-c0ffee": 2}, workers=said)]) == {POD: 2}


@given(st.lists(st.dictionaries(st.text(max_size=8), st.integers(0, 100), max_size=5), max_size=4))
def test_nothing_that_is_held_is_lost(holding: list[dict[str, int]]) -> None:
    found = holders([Depth(holding=held) for held in holding])
    assert found.total() == sum(sum(held.values()) for held in holding)


def test_a_worker_is_its_pod_and_what_its_processes_say() -> None:
    assert worker(process(7)) == Worker(
        POD, assigned=True, phase="Running", ready=True, cost=1, created=CREATED_AT, busy=0, attends=True
    )


@pytest.mark.parametrize(
    ("said", "held", "busy"),
    [
        ((process(7, busy=2), process(8, busy=3)), 0, 5),
        ((process(7, busy=2),), 4, 4),  # claimed, and not begun
        ((process(7, busy=6),), 4, 6),  # begun since the queues were read
        ((), 4, 4),
    ],
)
def test_it_is_as_busy_as_its_processes_or_the_queues_say(said: tuple[Attendance, ...], held: int, busy: int) -> None:
    assert worker(*said, held=held).busy == busy


@pytest.mark.parametrize(
    ("said", "resting"),
    [
        ((process(7, resting=True), process(8, resting=True)), True),
        ((process(7, resting=True), process(8)), False),
        ((process(7), process(8)), False),
        ((process(7, resting=True), process(8, seen=SILENT_SECONDS)), True),  # who is dead claims nothing
        ((process(7, resting=True, seen=SILENT_SECONDS),), False),
        ((), False),
    ],
)
def test_it_rests_when_all_of_its_processes_that_live_do(said: tuple[Attendance, ...], resting: bool) -> None:
    assert worker(*said).resting is resting


@pytest.mark.parametrize(("seen", "attends"), [(0.0, True), (4.9, True), (5.0, False), (3600.0, False)])
def test_who_is_silent_for_five_seconds_does_not_attend(seen: float, attends: bool) -> None:
    found = worker(process(7, busy=1, seen=seen))
    assert (found.attends, found.busy) == (attends, int(attends))


def test_a_silent_one_still_holds_what_the_queues_say() -> None:
    found = worker(process(7, seen=60.0), held=2)
    assert (found.attends, found.busy, found.resting) == (False, 2, False)


def test_who_attends_elsewhere_is_somebody_elses_worker() -> None:
    found = worker(process(7, OTHER, busy=5))
    assert (found.attends, found.busy) == (False, 0)


def test_when_its_queue_cannot_be_read_the_pods_are_there_all_the_same() -> None:
    [found] = roster([UP_HERE], None, {POD: 2})
    assert (found.name, found.attends, found.busy, found.resting) == (POD, False, 2, False)


def test_only_pods_that_live_are_listed() -> None:
    leaving = view(UP, name="leaving", deletionTimestamp="2026-11-21T11:00:00Z")
    starting = view(STARTING, name="starting", annotations=None)
    found = roster([UP_HERE, leaving, view(EVICTED, name="evicted"), starting], Depth(), {})
    assert [(one.name, one.ready, one.cost) for one in found] == [(POD, True, 1), ("starting", False, 0)]

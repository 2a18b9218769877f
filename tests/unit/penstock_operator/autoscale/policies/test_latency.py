from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.policies.latency import by_latency
from penstock_operator.autoscale.signals import Fleet, Work
from tests.unit.penstock_operator.autoscale.cases import amounts, case, spec, works

objectives = st.floats(0.001, 86_400)


def replicas(work: Work, seconds: float = 5, concurrency: int = 16, start: float = 5.0, ready: int = 0) -> int:
    pool = spec(concurrency=concurrency, target={"latencySeconds": seconds})
    return by_latency(case(work, Fleet(ready=ready, start_seconds=start), pool=pool)).replicas


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        # λ·S = 100 a second, of half a second each, are 50 at once: 4 replicas of 16 places.
        (Work(in_flight=50, arrival_rate=100, service_seconds=0.5), 4),
        # Besides, 1000 that wait are to begin within 5 s: (100 + 200)·0.5 = 150 places, 10 replicas.
        (Work(waiting=1000, in_flight=50, arrival_rate=100, service_seconds=0.5), 10),
        # Nothing comes any more: 1000/5·0.5 = 100 places, 7 replicas.
        (Work(waiting=1000, service_seconds=0.5), 7),
        # Exactly two replicas' places aren't three.
        (Work(in_flight=32, arrival_rate=320, service_seconds=0.1), 2),
    ],
)
def test_littles_law_by_hand(work: Work, expected: int) -> None:
    assert replicas(work) == expected


def test_until_anything_was_measured_a_task_takes_a_second() -> None:
    assert replicas(Work(waiting=800)) == replicas(Work(waiting=800, service_seconds=1.0)) == 10


def test_one_task_however_long_wants_one_place() -> None:
    assert replicas(Work(waiting=1, arrival_rate=0.05, service_seconds=3600)) == 1
    assert replicas(Work(waiting=20, arrival_rate=0.5, service_seconds=3600), concurrency=1) == 25  # 5 more come


def test_long_tasks_that_wait_get_places_beside_those_that_run() -> None:
    assert replicas(Work(waiting=16, in_flight=16, service_seconds=3600)) == 2
    # Of 40 that run for 10 s half will have ended within 5 s: the other 20 stay, and 20 begin.
    assert replicas(Work(waiting=20, in_flight=40, service_seconds=10), concurrency=10) == 4
    assert replicas(Work(waiting=21, in_flight=40, service_seconds=10), concurrency=10) == 5
    # 4 a second keep 40 places busy: those that run are the ones that were counted on.
    assert replicas(Work(waiting=20, in_flight=40, arrival_rate=4, service_seconds=10), concurrency=10) == 6


@pytest.mark.parametrize(
    ("start", "ready", "expected"),
    [
        (5, 0, 8),  # λ·S = 20; 20 a second, for the 5 s of a start, are 100, and have to begin within 5 s: 20·1·5/5
        (10, 0, 12),  # 200 by then
        (5, 2, 6),  # two replicas begin 10 a second of them
        (5, 4, 4),  # four begin all that comes
        (5, 9, 4),
    ],
)
def test_what_comes_until_a_new_worker_is_up_waits_too(start: float, ready: int, expected: int) -> None:
    lately = Work(arrival_rate=20, recent_rate=20, service_seconds=1)
    assert replicas(lately, concurrency=5, start=start, ready=ready) == expected


def test_only_what_comes_lately_will_have_come() -> None:
    assert replicas(Work(arrival_rate=20, recent_rate=0, service_seconds=1), concurrency=5) == 4


def test_what_is_in_flight_keeps_its_places() -> None:
    assert replicas(Work(in_flight=100, service_seconds=0.01)) == 7
    assert replicas(Work(in_flight=100, most=50, service_seconds=0.01)) == 7


def test_no_more_places_than_a_limit_of_the_queue() -> None:
    assert replicas(Work(waiting=1000, in_flight=10, most=20, arrival_rate=100, service_seconds=10)) == 2


def test_anything_that_waits_gets_a_worker() -> None:
    assert replicas(Work(waiting=1, service_seconds=0.001), seconds=86_400) == 1
    assert replicas(Work(waiting=1, most=0, service_seconds=1)) == 1


def test_the_message_has_the_figures() -> None:
    found = by_latency(case(Work(1000, arrival_rate=100, service_seconds=0.5), target={"latencySeconds": 5}))
    assert found.reason == "Latency"
    assert all(word in found.message for word in ("1000 tasks", "100 a second", "0.5 s", "within 5 s", "150 places"))


@given(works(), objectives)
def test_never_fewer_places_than_run_and_never_more_than_there_is_to_do(work: Work, seconds: float) -> None:
    found = replicas(work, seconds)
    assert found * 16 >= math.floor(work.in_flight)
    soon = work.backlog + work.arrival_rate * (5 + seconds)
    assert found <= max(1, math.ceil(soon / 16))


@given(works(), amounts, objectives)
def test_more_work_never_asks_for_less(work: Work, more: float, seconds: float) -> None:
    assert replicas(replace(work, waiting=work.waiting + more), seconds) >= replicas(work, seconds)


@given(works(), objectives, st.integers(0, 60), st.integers(0, 60))
def test_the_more_are_up_the_fewer_are_missing(work: Work, seconds: float, one: int, other: int) -> None:
    assert replicas(work, seconds, ready=max(one, other)) <= replicas(work, seconds, ready=min(one, other))


@given(works().map(lambda one: replace(one, arrival_rate=0.0)), objectives, objectives)
def test_more_patience_never_asks_for_more(work: Work, one: float, other: float) -> None:
    assert replicas(work, max(one, other)) <= replicas(work, min(one, other))


@pytest.mark.parametrize("seconds", [5e-324, 1e-300, 1e-9, 86_400])
@pytest.mark.parametrize("service", [None, 0.0, 0.001, 86_400])
def test_no_figure_is_too_small_or_too_large(seconds: float, service: float | None) -> None:
    most = math.ceil((1e4 + 1e3 * (5 + max(0.001, seconds))) / 16)
    assert 1 <= replicas(Work(waiting=1e4, arrival_rate=1e3, service_seconds=service), seconds) <= most

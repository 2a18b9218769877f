from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.signals import Fleet, Signals, Work
from penstock_operator.autoscale.timeline import CHANGES, STEP_SECONDS, STEPS, Timelines

KEY = ("shop", "fast")
HOUR = STEP_SECONDS * STEPS
START = 1_800_000_000.0  # the beginning of a step


def decided(replicas: int, reason: str = "Backlog", message: str = "because") -> Decision:
    return Decision(replicas, reason, message)


def signals(waiting: float | None = 0.0, in_flight: float = 0.0, oldest: float = 0.0, **rates: float) -> Signals:
    if waiting is None:
        return Signals(None, Fleet(wanted=2, ready=1, busy=1))
    work = Work(waiting=waiting, in_flight=in_flight, oldest=oldest, arrival_rate=rates.get("arrival_rate", 0.0))
    return Signals(work, Fleet(wanted=2, ready=1, busy=1))


def test_a_step_keeps_the_last_figures_and_the_most_that_waited() -> None:
    timelines = Timelines()
    for second, (replicas, waiting) in enumerate([(1, 5.0), (3, 9.0), (2, 4.0)]):
        timelines.add(KEY, START + second, decided(replicas), signals(waiting, in_flight=second, arrival_rate=0.5))
    timeline = timelines.of(KEY)
    assert timeline is not None
    [sample] = timeline.samples
    assert (sample.at, sample.replicas, sample.ready, sample.busy) == (START, 2, 1, 1)
    assert (sample.waiting, sample.most_waiting, sample.in_flight, sample.arrival_rate) == (4.0, 9.0, 2.0, 0.5)


def test_unknown_is_not_zero() -> None:
    timelines = Timelines()
    timelines.add(KEY, START, decided(1), signals(None))
    timelines.add(KEY, START + STEP_SECONDS, decided(1), signals(3.0))
    timelines.add(KEY, START + STEP_SECONDS + 1, decided(1), signals(None))
    timeline = timelines.of(KEY)
    assert timeline is not None
    unknown, known = timeline.samples
    assert (unknown.waiting, unknown.most_waiting, unknown.oldest_seconds, unknown.replicas) == (None, None, None, 1)
    assert known.waiting == 3.0, "one look of the step succeeded"


def test_only_changes_are_changes() -> None:
    timelines = Timelines()
    for second, decision in enumerate([decided(1), decided(1, message="again"), decided(2), decided(2, "Paused")]):
        timelines.add(KEY, START + second, decision, signals())
    timeline = timelines.of(KEY)
    assert timeline is not None
    assert [(c.at, c.was, c.to, c.reason) for c in timeline.changes] == [
        (START + 2, 1, 2, "Backlog"),
        (START + 3, 2, 2, "Paused"),
    ]
    assert sorted(timelines.decided()) == [(KEY, "Backlog", 2), (KEY, "Paused", 1)]


def test_what_is_forgotten_is_gone() -> None:
    timelines = Timelines()
    timelines.add(KEY, START, decided(1), signals())
    timelines.forget(KEY)
    timelines.forget(KEY)
    assert timelines.of(KEY) is None
    assert timelines.decided() == []


Look = tuple[float, int, float | None]
looks: st.SearchStrategy[list[Look]] = st.lists(
    st.tuples(
        st.floats(0, HOUR / 2, allow_nan=False),
        st.integers(0, 10_000),
        st.none() | st.floats(0, 1e6, width=32, allow_nan=False),
    ),
    min_size=1,
    max_size=60,
)


@given(looks)
def test_it_says_what_was_in_the_hour_before_the_last_look(looks: list[Look]) -> None:
    timelines, at, steps = Timelines(), START, dict[int, list[tuple[int, float | None]]]()
    for pause, replicas, waiting in looks:
        at += pause
        timelines.add(KEY, at, decided(replicas), signals(waiting))
        steps.setdefault(int(at) // STEP_SECONDS, []).append((replicas, waiting))
    timeline = timelines.of(KEY)
    assert timeline is not None
    last = int(at) // STEP_SECONDS
    expected = {
        step * STEP_SECONDS: (seen[-1][0], max((w for _, w in seen if w is not None), default=None))
        for step, seen in steps.items()
        if step > last - STEPS
    }
    found = {sample.at: (sample.replicas, sample.most_waiting) for sample in timeline.samples}
    assert found.keys() == expected.keys()
    for moment, (replicas, most) in expected.items():
        assert found[moment][0] == replicas
        assert found[moment][1] == pytest.approx(most, abs=0.001)
    assert all(before.at < after.at for before, after in pairwise(timeline.samples))
    assert all(change.at > at - HOUR - STEP_SECONDS for change in timeline.changes)


def test_a_clock_that_is_set_back_spoils_nothing() -> None:
    timelines = Timelines()
    for at in (START + HOUR, START, START + 1):
        timelines.add(KEY, at, decided(1), signals(1.0))
    timeline = timelines.of(KEY)
    assert timeline is not None
    assert [sample.at for sample in timeline.samples] == [START]


def test_a_thousand_pools_that_never_rest_take_some_megabytes() -> None:
    pools, timelines = 20, Timelines()
    tracemalloc.start()
    try:
        for pool in range(pools):
            for step in range(2 * STEPS):
                message = f"{step} tasks wait and some more are in flight, so that many replicas are wanted for them"
                decision = decided(step % 10, message=message)
                timelines.add(("shop", str(pool)), START + step * STEP_SECONDS, decision, signals(step))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / pools < 14_000
    timeline = timelines.of(("shop", "0"))
    assert timeline is not None
    assert len(timeline.samples) == STEPS
    assert 10 <= len(timeline.changes) <= CHANGES


def test_a_look_costs_some_microseconds() -> None:
    timelines, decision, seen = Timelines(), decided(1), signals(5.0)
    best = float("inf")
    for trial in range(5):
        began = time.perf_counter()
        for second in range(1000):
            timelines.add(KEY, START + trial * 1000 + second, decision, seen)
        best = min(best, time.perf_counter() - began)
    assert best / 1000 < 20e-6  # 1 µs on a machine with two cores; others may be at work on it

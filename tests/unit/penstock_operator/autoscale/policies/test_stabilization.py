from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.autoscaling import Autoscaling
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.policies.stabilization import down_seconds, stabilized
from penstock_operator.autoscale.signals import Fleet, Work
from tests.unit.penstock_operator.autoscale.cases import NOW, Pool, case, histories, history, loads, proposed, spec

DOWN: dict[str, Any] = {"scale_down": {"stabilizationWindowSeconds": 300}}
UP: dict[str, Any] = {"scale_up": {"stabilizationWindowSeconds": 60}}


def count(asked: int, past: History, **autoscaling: Any) -> int:
    return stabilized(proposed(asked), case(Work(1), history=past, **autoscaling)).replicas


def test_downwards_the_highest_of_the_last_five_minutes_counts() -> None:
    """Kubernetes' example: "all desired states from the past 5 minutes will be considered"."""
    past = history((400, 9), (299, 6), (200, 7), (10, 3))
    assert count(2, past, **DOWN) == 3  # never more than there are
    held = History(NOW, past.recommended, ((NOW, 9),))
    assert [count(2, held, **DOWN), count(8, held, **DOWN)] == [9, 9]  # nine was in force until 299 s ago
    later = stabilized(proposed(2), case(Work(1), history=held, now=NOW + 2, **DOWN))
    assert (later.replicas, later.reason) == (7, "Stabilizing")


def test_a_rolling_maximum() -> None:
    pool = Pool(spec(scale_down={"stabilizationWindowSeconds": 5}))
    assert pool.counts(loads(50, 10, 30, 10, 10, 10, 10, 10, 10, 10)) == [5, 5, 5, 5, 5, 5, 3, 3, 1, 1]


def test_upwards_the_lowest_counts() -> None:
    pool = Pool(spec(scale_up={"stabilizationWindowSeconds": 5}), current=1)
    assert pool.counts(loads(30, 50, 20, 50, 50, 50, 50, 50, 50)) == [1, 1, 1, 1, 1, 2, 2, 2, 5]


def test_upwards_it_is_at_once_unless_told_otherwise() -> None:
    assert count(50, history((1, 1))) == 50


@pytest.mark.parametrize("direction", ["scale_up", "scale_down"])
def test_no_window_is_no_delay(direction: str) -> None:
    rules: dict[str, Any] = {direction: {"stabilizationWindowSeconds": 0}}
    pool = Pool(spec(**rules), current=5)
    assert pool.look(Work(waiting=100 if direction == "scale_up" else 10)).replicas == (
        10 if direction == "scale_up" else 1
    )


def test_one_direction_leaves_the_other_alone() -> None:
    assert count(50, history((1, 1)), **DOWN) == 50
    assert count(1, history((60, 1), (1, 50)), **UP) == 50  # still the default of thirty seconds


@pytest.mark.parametrize(
    ("target", "start", "seconds"),
    [
        *(("latencySeconds", 1, 8), ("latencySeconds", 5, 10), ("latencySeconds", 8, 16)),
        *(("backlogPerReplica", 1, 30), ("backlogPerReplica", 15, 30), ("backlogPerReplica", 20, 40)),
        *(("latencySeconds", 90, 180), ("latencySeconds", 150, 300), ("backlogPerReplica", 600, 300)),
    ],
)
@given(idle=st.integers(0, 3600))
def test_by_default_a_worker_stays_for_two_starts_whatever_idle_seconds(
    target: str, start: float, seconds: float, idle: int
) -> None:
    auto = Autoscaling.model_validate({"target": {target: 5}, "idleSeconds": idle})
    assert down_seconds(auto, start) == seconds


def test_without_a_target_it_goes_by_backlog() -> None:
    assert down_seconds(Autoscaling(), 5) == 30


def test_what_the_user_says_counts() -> None:
    assert down_seconds(spec(**DOWN).autoscaling, 5) == 300
    assert down_seconds(spec(idle_seconds=1, **DOWN).autoscaling, 5) == 300


def test_idle_for_as_long_as_was_asked_for_ends_at_once() -> None:
    past = History(NOW - 30, ((NOW - 100, 4),), ((NOW - 100, 4),))
    assert stabilized(proposed(0), case(history=past)).replicas == 0
    assert stabilized(proposed(0), case(history=past, **DOWN)).replicas == 4
    assert stabilized(proposed(0), case(history=past, idle_seconds=31)).replicas == 4


@given(st.integers(0, 50), histories(), st.integers(0, 3600), st.integers(0, 3600))
def test_it_lies_between_what_there_is_and_what_is_asked(asked: int, past: History, up: int, down: int) -> None:
    rules: dict[str, Any] = {
        "scale_up": {"stabilizationWindowSeconds": up},
        "scale_down": {"stabilizationWindowSeconds": down},
    }
    found = count(asked, past, **rules)
    assert min(asked, past.replicas) <= found <= max(asked, past.replicas)


@given(st.integers(0, 50), st.integers(0, 50), histories(), st.floats(0.1, 600))
def test_more_stays_more(one: int, other: int, past: History, start: float) -> None:
    found = [
        stabilized(proposed(asked), case(Work(1), Fleet(start_seconds=start), history=past, **UP)).replicas
        for asked in sorted((one, other))
    ]
    assert found == sorted(found)

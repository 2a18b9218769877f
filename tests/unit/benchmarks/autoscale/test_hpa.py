"""Against the figures of Kubernetes' documentation (tasks/run-application/horizontal-pod-autoscale) and its source."""

from __future__ import annotations

from itertools import pairwise

import pytest
from benchmarks.autoscale.scalers.hpa import Autoscaler, Policy, Rules, per_pod


def synced(hpa: Autoscaler, now: float, current: int, wanted: int | None) -> int:
    return hpa.sync(now, current, lambda: wanted)


@pytest.mark.parametrize(
    ("average", "replicas", "wanted"),
    [
        (200, 4, 8),  # "if the current metric value is 200m, and the desired value is 100m, … doubled"
        (50, 4, 2),  # "if the current value is instead 50m, you'll halve the number of replicas"
        (109, 4, 4),  # within 0.1
        (91, 4, 4),
        (111, 4, 5),
    ],
)
def test_the_algorithm(average: float, replicas: int, wanted: int) -> None:
    assert per_pod(average * replicas, 100, replicas) == wanted


def test_without_replicas_the_value_alone_counts() -> None:
    assert per_pod(450, 100, 0) == 5


def test_default_rules_allow_twice_as_many_or_four_at_each_sync() -> None:
    hpa, now, found = Autoscaler(Rules(most=20)), 0.0, [1]
    while found[-1] < 20:
        found.append(synced(hpa, now, found[-1], 50))
        now += 15
    assert found == [1, 4, 8, 16, 20]


def test_a_default_behavior_allows_four_pods_or_as_many_again_in_15_seconds() -> None:
    hpa = Autoscaler(Rules(most=100, behavior=True))
    assert synced(hpa, 0, 1, 90) == 5
    assert synced(hpa, 5, 5, 90) == 5  # of the period's first replica
    assert synced(hpa, 15, 5, 90) == 10
    assert synced(hpa, 30, 10, 90) == 20


def test_the_documents_example_of_scaling_down() -> None:
    """80 replicas to 10, by 10 % or 4 pods a minute: 8, 8 (7.2 rounded up), …, and 4 at a time below 40."""
    rules = Rules(behavior=True, down_seconds=0, down=(Policy(4, 60), Policy(10, 60, percent=True)))
    hpa, now, found = Autoscaler(rules), 0.0, [80]
    while found[-1] > 10:
        found.append(synced(hpa, now, found[-1], 10))
        now += 60
    assert found[:3] == [80, 72, 64]
    below = [count for count in found if count < 40]
    assert {left - right for left, right in pairwise(below)} == {4, below[-2] - 10}


@pytest.mark.parametrize("behavior", [False, True])
def test_downwards_the_highest_recommendation_of_the_last_300_seconds_counts(behavior: bool) -> None:
    hpa = Autoscaler(Rules(behavior=behavior))
    assert synced(hpa, 0, 5, 5) == 5
    assert [synced(hpa, now, 5, 1) for now in (15, 150, 285)] == [5, 5, 5]
    assert synced(hpa, 301, 5, 1) == 1


def test_what_cannot_be_read_changes_nothing() -> None:
    hpa = Autoscaler(Rules())
    assert synced(hpa, 0, 5, None) == 5


def test_at_zero_it_is_switched_off() -> None:
    assert synced(Autoscaler(Rules()), 0, 0, 50) == 0


def test_bounds_hold_at_once() -> None:
    assert synced(Autoscaler(Rules(most=10)), 0, 15, None) == 10

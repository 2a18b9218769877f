from __future__ import annotations

from collections.abc import Mapping

import pytest

from penstock.kube import Manifest
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.fleets import fleet_of
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.pod_bodies import (
    CRASHING,
    EVICTED,
    NO_IMAGE,
    STARTING,
    UNSCHEDULABLE,
    UP,
    UP_AGAIN,
    view,
)

THREE = DeploymentView(wanted=3, replicas=3, ready=3, updated=3)


def pods(*statuses: Manifest) -> list[PodView]:
    """One after the other: a, b, c, …"""
    return [view(status, name=name, uid=name) for name, status in zip("abcdef", statuses, strict=False)]


def fleet(deployment: DeploymentView, *statuses: Manifest, held: Mapping[str, int] | None = None) -> Fleet:
    return fleet_of(deployment, pods(*statuses), held or {}, 7.5)


def test_workers_are_counted_from_their_pods_and_not_from_the_deployment_which_lags() -> None:
    found = fleet(THREE, UP, UP, STARTING, held={"a": 5, "b": 0, "c": 1, "stranger": 9})
    assert found == Fleet(wanted=3, ready=2, busy=2, start_seconds=7.5)


def test_who_goes_or_has_gone_does_not_count() -> None:
    [leaving] = pods(UP)
    leaving = view(UP, name="a", deletionTimestamp="2026-11-21T11:00:00Z")
    found = fleet_of(THREE, [leaving, *pods(EVICTED)], {"a": 3}, 5.0)
    assert (found.ready, found.busy, found.trouble) == (0, 0, "")


@pytest.mark.parametrize(
    ("statuses", "trouble", "broken"),
    [
        ((UP, UP_AGAIN, STARTING), "", False),
        ((UP, UNSCHEDULABLE), "1 of 2 pods: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.", False),
        ((NO_IMAGE, NO_IMAGE), "2 of 2 pods: container worker: ImagePullBackOff: ", True),
        ((UP, CRASHING), "1 of 2 pods: container worker has ended 3 times (exit code 137, OOM", True),
        (
            (UNSCHEDULABLE, CRASHING),
            "1 of 2 pods: container worker has ended 3 times (exit code 137, OOM",
            True,
        ),
    ],
)
def test_what_keeps_pods_from_starting_the_broken_ones_first(
    statuses: tuple[Manifest, ...], trouble: str, broken: bool
) -> None:
    found = fleet(THREE, *statuses)
    assert found.trouble.startswith(trouble)
    assert (bool(found.trouble), found.broken) == (bool(trouble), broken)


def test_pods_that_are_not_even_made_come_before_those_that_are_and_a_late_rollout_last() -> None:
    refused = DeploymentView(wanted=3, trouble="exceeded quota", stalled="timed out")
    late = DeploymentView(wanted=3, stalled="timed out")
    assert fleet(refused, NO_IMAGE).trouble == "exceeded quota"
    assert fleet(late, NO_IMAGE).trouble.startswith("1 of 1 pods")
    assert fleet(late, STARTING).trouble == "timed out"
    assert not fleet(refused).broken


def test_a_rollout_shows() -> None:
    assert fleet(DeploymentView(wanted=3, replicas=4, updated=1), UP).rolling_out
    assert not fleet(THREE, UP).rolling_out

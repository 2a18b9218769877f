from __future__ import annotations

from typing import Any

import pytest

from penstock.kube import Manifest
from penstock_operator.autoscale.deployment_view import DeploymentView

AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "has minimum"}
PROGRESSING = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "has progressed"}
QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: pods"}
STALLED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}


def body(
    wanted: int | None = 3, conditions: tuple[Manifest, ...] = (AVAILABLE, PROGRESSING), **status: Any
) -> Manifest:
    """As the Deployment controller leaves it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "fast-workers", "namespace": "shop", "generation": 4, "resourceVersion": "9001"},
        "spec": {"selector": {}, "template": {}} | ({} if wanted is None else {"replicas": wanted}),
        "status": {
            "observedGeneration": 4,
            "replicas": 3,
            "updatedReplicas": 3,
            "readyReplicas": 2,
            "availableReplicas": 2,
            "unavailableReplicas": 1,
            "conditions": list(conditions),
        }
        | status,
    }


def test_one_that_is_as_it_should_be() -> None:
    found = DeploymentView.of(body())
    assert found == DeploymentView(wanted=3, replicas=3, ready=2, updated=3, version="9001", generation=4)
    assert (found.observed, found.rolling_out) == (True, False)


def test_a_new_one_has_nothing_yet() -> None:
    new = {"metadata": {"name": "fast-workers", "generation": 1, "resourceVersion": "1"}, "spec": {"replicas": 2}}
    for made in (new, new | {"status": {}}, new | {"status": None}):
        assert DeploymentView.of(made) == DeploymentView(wanted=2, observed=False, version="1", generation=1)


def test_asleep_the_counts_are_left_out() -> None:
    asleep = body(0) | {"status": {"observedGeneration": 4, "conditions": [AVAILABLE, PROGRESSING]}}
    assert DeploymentView.of(asleep) == DeploymentView(version="9001", generation=4)


def test_without_a_count_it_asks_for_one() -> None:
    assert DeploymentView.of(body(None)).wanted == 1


@pytest.mark.parametrize(("generation", "observed"), [(3, False), (4, True)])
def test_whether_its_controller_has_seen_the_present_spec(generation: int, observed: bool) -> None:
    assert DeploymentView.of(body(observedGeneration=generation)).observed is observed


@pytest.mark.parametrize(("status", "rolling"), [({"updatedReplicas": 2}, True), ({"replicas": 4}, True), ({}, False)])
def test_while_older_pods_are_left_it_rolls_out(status: Manifest, rolling: bool) -> None:
    assert DeploymentView.of(body(**status)).rolling_out is rolling


def test_before_any_new_pod_is_made_all_are_old() -> None:
    fresh = body()
    del fresh["status"]["updatedReplicas"]
    assert DeploymentView.of(fresh).rolling_out


@pytest.mark.parametrize(
    ("conditions", "trouble", "stalled"),
    [
        ((AVAILABLE, PROGRESSING, QUOTA), "exceeded quota: pods", ""),
        ((AVAILABLE, STALLED), "", "timed out"),
        ((QUOTA, STALLED), "exceeded quota: pods", "timed out"),
        (({**QUOTA, "status": "False"}, PROGRESSING), "", ""),
        (({"type": "ReplicaFailure", "status": "True"},), "ReplicaFailure", ""),
        ((), "", ""),
    ],
)
def test_what_keeps_pods_from_being_made_or_coming_up(
    conditions: tuple[Manifest, ...], trouble: str, stalled: str
) -> None:
    found = DeploymentView.of(body(conditions=conditions))
    assert (found.trouble, found.stalled) == (trouble, stalled)

from __future__ import annotations

import pytest

from penstock.kube import Manifest
from penstock_operator.autoscale.pod_view import BROKEN, PodView
from tests.unit.penstock_operator.pod_bodies import (
    BACK_OFF,
    BODY,
    CRASHING,
    CREATED_AT,
    CREATING,
    EVICTED,
    NEW,
    NO_IMAGE,
    READY_AT,
    RESTARTED_ONCE,
    RESTARTED_TWICE,
    STARTING,
    UNSCHEDULABLE,
    UP,
    UP_AGAIN,
    view,
)


def test_a_worker_that_is_up() -> None:
    assert view(UP) == PodView(
        namespace="shop",
        name="fast-workers-7d4b9c6f5-x2x7k",
        uid=BODY["metadata"]["uid"],
        pool="fast",
        created=CREATED_AT,
        phase="Running",
        assigned=True,
        ready_at=READY_AT,
        terminating=False,
        annotations={"controller.kubernetes.io/pod-deletion-cost": "1"},
    )


@pytest.mark.parametrize("status", [NEW, CREATING, STARTING, RESTARTED_ONCE])
def test_one_that_starts_is_neither_ready_nor_in_trouble(status: Manifest) -> None:
    pod = view(status)
    assert (pod.ready, pod.alive, pod.trouble, pod.broken) == (False, True, "", False)


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (NO_IMAGE, f"container worker: ImagePullBackOff: {BACK_OFF}"),
        (
            CRASHING,
            "container worker has ended 3 times (exit code 137, OOMKilled): raise its memory limit in spec.template, "
            "or lower spec.concurrency",
        ),
        (RESTARTED_TWICE, "container worker has ended 2 times (exit code 1, Error): see its log"),
    ],
)
def test_what_is_broken_for_a_reason_of_its_own(status: Manifest, trouble: str) -> None:
    pod = view(status)
    assert (pod.trouble, pod.broken, pod.alive) == (trouble, True, True)


def test_the_last_lines_of_the_log_of_one_that_crashes() -> None:
    """Kubernetes gives them as the message, since the container's policy asks for that."""
    log = "Traceback\n  File tasks.py\nImportError: no module\nnamed shop\n"
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": log}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    crashed = {"name": "worker", "restartCount": 1, "state": waiting, "lastState": ended}
    assert view({"phase": "Running", "containerStatuses": [crashed]}).trouble == (
        "container worker has ended once (exit code 1, Error): its log ends with:   File tasks.py / ImportError: no "
        "module / named shop"
    )


@pytest.mark.parametrize("reason", sorted(BROKEN - {"CrashLoopBackOff"}))
@pytest.mark.parametrize("kind", ["containerStatuses", "initContainerStatuses"])
def test_any_container_may_be_the_one(kind: str, reason: str) -> None:
    broken = {"name": "migrate", "restartCount": 0, "state": {"waiting": {"reason": reason}}, "lastState": {}}
    pod = view({"phase": "Pending", kind: [broken]})
    assert (pod.trouble, pod.broken) == (f"container migrate: {reason}: ", True)


def test_without_a_node_more_room_may_help() -> None:
    pod = view(UNSCHEDULABLE, node=None)
    assert (pod.assigned, pod.broken) == (False, False)
    assert pod.trouble == "Unschedulable: 0/3 nodes are available: 3 Insufficient cpu."


def test_what_is_ready_is_in_no_trouble_whatever_went_before() -> None:
    pod = view(UP_AGAIN)
    assert (pod.ready, pod.trouble, pod.broken) == (True, "", False)


@pytest.mark.parametrize(
    ("status", "metadata"),
    [
        (UP, {"deletionTimestamp": "2026-11-21T11:00:00Z", "deletionGracePeriodSeconds": 40}),
        (EVICTED, {}),
        ({"phase": "Succeeded"}, {}),
    ],
)
def test_who_goes_or_has_gone_does_not_count(status: Manifest, metadata: Manifest) -> None:
    assert not view(status, **metadata).alive


@pytest.mark.parametrize(
    ("annotations", "cost"),
    [
        ({"controller.kubernetes.io/pod-deletion-cost": "-1"}, -1),
        ({"controller.kubernetes.io/pod-deletion-cost": "cheap"}, 0),
        ({"team": "a"}, 0),
        (None, 0),
    ],
)
def test_its_deletion_cost(annotations: dict[str, str] | None, cost: int) -> None:
    assert view(UP, annotations=annotations).cost == cost


def test_somebody_elses_pod_has_no_pool() -> None:
    assert view(UP, labels={"app": "redis"}).pool == ""


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"metadata": {"name": "a"}}'])
def test_what_is_no_pod_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        PodView.parse(raw)

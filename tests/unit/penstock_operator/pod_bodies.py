"""Pods as the API server shows them in the states that matter here; the rest of each body is what kubelets write."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from penstock.kube import Manifest
from penstock_operator.autoscale.pod_view import PodView

CREATED, CREATED_AT = "2026-11-21T10:00:00Z", 1_795_255_200.0
READY, READY_AT = "2026-11-21T10:00:07Z", CREATED_AT + 7
BACK_OFF = 'Back-off pulling image "registry.example/shop:1.2.3"'

BODY: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "fast-workers-7d4b9c6f5-x2x7k",
        "generateName": "fast-workers-7d4b9c6f5-",
        "namespace": "shop",
        "uid": "0b5c0a4e-5e0c-4a35-9a59-0c0f7d7b1f11",
        "resourceVersion": "8812",
        "creationTimestamp": CREATED,
        "labels": {
            "app.kubernetes.io/managed-by": "penstock",
            "penstock.dev/pool": "fast",
            "pod-template-hash": "7d4b9c6f5",
        },
        "annotations": {"controller.kubernetes.io/pod-deletion-cost": "1"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "fast-workers-7d4b9c6f5"}],
    },
    "spec": {
        "containers": [{"name": "worker", "image": "registry.example/shop:1.2.3", "resources": {}}],
        "nodeName": "node-2",
        "restartPolicy": "Always",
    },
    "status": {"phase": "Pending", "qosClass": "BestEffort"},
}


def body(status: Manifest, *, node: str | None = "node-2", **metadata: Any) -> Manifest:
    """One in that status; metadata in its own names, or `name` and `uid` alike."""
    made = copy.deepcopy(BODY)
    made["metadata"] |= metadata
    made["status"] |= status
    if node is None:
        del made["spec"]["nodeName"]
    return made


def view(status: Manifest, *, node: str | None = "node-2", **metadata: Any) -> PodView:
    """As the operator keeps it."""
    return PodView.parse(msgspec.json.encode(body(status, node=node, **metadata)))


def _conditions(ready: str, since: str = CREATED, scheduled: str = "True") -> list[Manifest]:
    waits = {} if ready == "True" else {"reason": "ContainersNotReady", "message": "containers with unready status"}
    return [
        {"type": "Initialized", "status": "True", "lastProbeTime": None, "lastTransitionTime": CREATED},
        {"type": "Ready", "status": ready, "lastProbeTime": None, "lastTransitionTime": since, **waits},
        {"type": "ContainersReady", "status": ready, "lastProbeTime": None, "lastTransitionTime": since, **waits},
        {"type": "PodScheduled", "status": scheduled, "lastProbeTime": None, "lastTransitionTime": CREATED},
    ]


def _worker(state: Manifest, *, last: Manifest | None = None, restarts: int = 0, ready: bool = False) -> Manifest:
    return {
        "name": "worker",
        "image": "registry.example/shop:1.2.3",
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    }


def _status(phase: str, conditions: list[Manifest], *containers: Manifest) -> Manifest:
    return {"phase": phase, "conditions": conditions, "containerStatuses": list(containers), "hostIP": "10.0.0.2"}


RUNNING = {"running": {"startedAt": "2026-11-21T10:00:05Z"}}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": CREATED, "finishedAt": READY}}
ENDED = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": CREATED, "finishedAt": READY}}
LOOPING = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container=worker"}}

NEW: Manifest = {"phase": "Pending"}
CREATING = _status("Pending", _conditions("False"), _worker({"waiting": {"reason": "ContainerCreating"}}))
STARTING = _status("Running", _conditions("False"), _worker(RUNNING))
UP = _status("Running", _conditions("True", READY), _worker(RUNNING, ready=True))
NO_IMAGE = _status(
    "Pending", _conditions("False"), _worker({"waiting": {"reason": "ImagePullBackOff", "message": BACK_OFF}})
)
CRASHING = _status("Running", _conditions("False"), _worker(LOOPING, last=KILLED, restarts=3))
RESTARTED_ONCE = _status("Running", _conditions("False"), _worker(RUNNING, last=ENDED, restarts=1))
RESTARTED_TWICE = _status("Running", _conditions("False"), _worker(RUNNING, last=ENDED, restarts=2))
UP_AGAIN = _status("Running", _conditions("True", READY), _worker(RUNNING, last=KILLED, restarts=7, ready=True))
UNSCHEDULABLE: Manifest = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": CREATED,
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient cpu.",
        }
    ],
}
EVICTED: Manifest = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}

"""A worker's pod as the operator keeps it in memory: parsed straight from the API server's bytes."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct, field

from penstock.kube import Manifest
from penstock_operator.api import part
from penstock_operator.deletion_cost import DELETION_COST
from penstock_operator.manifests import POOL_LABEL

__all__ = ["PodView"]

# Waiting reasons that only a change of the pod, its image or its configuration ends.
BROKEN = frozenset(
    {
        *("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName"),
        *("CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
    }
)
LAST_LINES = 3  # of its log
CRASHES = 2  # restarts that aren't an accident any more


class _Labels(Struct):
    pool: str = field(name=POOL_LABEL, default="")


class _Metadata(Struct, rename="camel"):
    namespace: str
    name: str
    uid: str
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    labels: _Labels = field(default_factory=_Labels)
    annotations: dict[str, str] | None = None


class _Condition(Struct, rename="camel"):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class _Waiting(Struct):
    reason: str = ""
    message: str = ""


class _Terminated(Struct, rename="camel"):
    exit_code: int = 0
    reason: str = ""
    message: str = ""  # the log's last lines, where the container says nothing else


class _State(Struct):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _Container(Struct, rename="camel"):
    name: str
    restart_count: int = 0
    state: _State = field(default_factory=_State)
    last_state: _State = field(default_factory=_State)


class _Spec(Struct, rename="camel"):
    node_name: str = ""


class _Status(Struct, rename="camel"):
    phase: str = ""
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_Container, ...] = ()
    init_container_statuses: tuple[_Container, ...] = ()


class _Pod(Struct):
    metadata: _Metadata
    spec: _Spec = field(default_factory=_Spec)
    status: _Status = field(default_factory=_Status)


_pods = msgspec.json.Decoder(_Pod)


class PodView(Struct, frozen=True):
    """One pod. Times are seconds since the epoch. `cost` is its deletion cost; `annotations` are all of its own.
    `trouble` says why it doesn't start, and `broken` whether that is for a reason of its own."""

    namespace: str
    name: str
    uid: str
    pool: str
    created: float
    phase: str
    assigned: bool
    ready_at: float | None
    terminating: bool
    annotations: dict[str, str]
    trouble: str = ""
    broken: bool = False

    @classmethod
    def parse(cls, raw: bytes) -> PodView:
        """From the API's JSON; raises a ValueError for what is none."""
        pod = _pods.decode(raw)
        meta, ready_at = pod.metadata, _ready_at(pod.status)
        broken = "" if ready_at is not None else _broken(pod.status)
        return cls(
            meta.namespace,
            meta.name,
            meta.uid,
            meta.labels.pool,
            meta.creation_timestamp.timestamp(),
            pod.status.phase,
            bool(pod.spec.node_name),
            ready_at,
            meta.deletion_timestamp is not None,
            meta.annotations or {},
            broken or _unschedulable(pod.status),
            bool(broken),
        )

    @classmethod
    def misread(cls, manifest: Manifest, problem: str) -> PodView:
        """One that isn't understood: it is there, and that is all that is known."""
        meta, status = manifest["metadata"], part(manifest, "status")
        return cls(
            meta["namespace"],
            meta["name"],
            meta["uid"],
            (meta.get("labels") or {}).get(POOL_LABEL, ""),
            datetime.fromisoformat(meta["creationTimestamp"]).timestamp(),
            str(status.get("phase", "")),
            bool(part(manifest, "spec").get("nodeName")),
            None,
            "deletionTimestamp" in meta,
            {},
            f"its pod isn't understood: {problem}",
        )

    @property
    def ready(self) -> bool:
        """Whether its readiness probe answers."""
        return self.ready_at is not None

    @property
    def alive(self) -> bool:
        """Whether its ReplicaSet counts it."""
        return not self.terminating and self.phase not in ("Succeeded", "Failed")

    @property
    def cost(self) -> int:
        """What it costs to delete it, compared with others; 0 where nobody says."""
        try:
            return int(self.annotations.get(DELETION_COST, "0"))
        except ValueError:
            return 0


def _ready_at(status: _Status) -> float | None:
    for condition in status.conditions:
        if condition.type == "Ready" and condition.status == "True":
            since = condition.last_transition_time
            return since.timestamp() if since else 0.0
    return None


def _broken(status: _Status) -> str:
    for container in (*status.init_container_statuses, *status.container_statuses):
        waiting, ended = container.state.waiting, container.last_state.terminated or container.state.terminated
        looping = waiting is not None and waiting.reason == "CrashLoopBackOff"
        if ended is not None and (looping or container.restart_count >= CRASHES):
            return _crashes(container, ended)
        if waiting is not None and waiting.reason in BROKEN:
            return f"container {container.name}: {waiting.reason}: {waiting.message}"
    return ""


def _crashes(container: _Container, ended: _Terminated) -> str:
    why = f"exit code {ended.exit_code}" + (f", {ended.reason}" if ended.reason else "")
    times = "once" if container.restart_count == 1 else f"{container.restart_count} times"
    told = f"container {container.name} has ended {times} ({why}): "
    if ended.reason == "OOMKilled":
        return f"{told}raise its memory limit in spec.template, or lower spec.concurrency"
    lines = ended.message.strip().splitlines()[-LAST_LINES:]
    return told + (f"its log ends with: {' / '.join(lines)}" if lines else "see its log")


def _unschedulable(status: _Status) -> str:
    for condition in status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason}: {condition.message}"
    return ""

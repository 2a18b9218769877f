"""A Task as the operator keeps it in memory: what decisions need, and nothing of the rest.

Parsed straight from the API server's bytes, for tens of thousands come at once; the schema is that of
`penstock.resources.task`, which the API server has checked already.
"""

from __future__ import annotations

import sys
from datetime import datetime

import msgspec
from msgspec import Raw, Struct, field

from penstock.bounds import HORIZON_SECONDS
from penstock.codec import check_depth
from penstock.culprit import MAX_DEPTH
from penstock.envelope import ResourceRef
from penstock.keys import Priority, task_id
from penstock.kube import Manifest
from penstock.resources.limits import ARGUMENT_BYTES
from penstock.resources.task import OnFailure
from penstock.status import Phase
from penstock.telemetry import ANNOTATION
from penstock_operator.api import part

__all__ = ["Dependency", "Spec", "TaskView"]

# Larger arguments are read again when the Task is put on its queue: many that wait must not fill the memory.
KEPT_BYTES = 1024
EMPTY_ARGS, EMPTY_KWARGS = Raw(b"[]"), Raw(b"{}")


class Dependency(Struct, frozen=True, gc=False, rename="camel"):
    """See the resource's Dependency."""

    name: str
    on_failure: OnFailure = OnFailure.CANCEL


class Backoff(Struct, frozen=True, gc=False, rename="camel"):
    """See the resource's Backoff."""

    initial_seconds: float = 1.0
    factor: float = 2.0
    max_seconds: float = 300.0
    jitter: bool = True


class Retry(Struct, frozen=True, gc=False, rename="camel"):
    """See the resource's RetryPolicy."""

    max_attempts: int = 3
    backoff: Backoff = Backoff()


class Spec(Struct, frozen=True, gc=False, rename="camel"):
    """See the resource's TaskSpec; without args and kwargs."""

    task: str
    queue: str | None = None
    priority: Priority = "normal"
    not_before: datetime | None = None
    delay_seconds: float | None = None
    timeout_seconds: float | None = None
    deadline_seconds: float | None = None
    retry: Retry | None = None
    idempotency_key: str | None = None
    concurrency_key: str | None = None
    depends_on: tuple[Dependency, ...] = ()
    suspend: bool = False
    cancel: bool = False
    run: int = 1
    ttl_seconds_after_finished: int | None = None


class _Annotations(Struct):
    traceparent: str | None = field(name=ANNOTATION, default=None)


class _Metadata(Struct, rename="camel"):
    namespace: str
    name: str
    uid: str
    creation_timestamp: datetime
    generation: int = 1
    deletion_timestamp: datetime | None = None
    annotations: _Annotations | None = None


class _Condition(Struct):
    type: str
    reason: str = ""


class _Status(Struct, rename="camel"):
    phase: Phase = Phase.PENDING
    run: int = 1
    finished_at: datetime | None = None
    observed_generation: int = -1
    conditions: tuple[_Condition, ...] = ()


class _Arguments(Struct):
    args: Raw = EMPTY_ARGS
    kwargs: Raw = EMPTY_KWARGS


class _Task(Struct):
    metadata: _Metadata
    spec: Spec
    status: _Status = field(default_factory=_Status)


class _Call(Struct):
    spec: _Arguments


_tasks = msgspec.json.Decoder(_Task)
_calls = msgspec.json.Decoder(_Call)


class TaskView(Struct, frozen=True, gc=False):
    """One Task at one resourceVersion. Times are seconds since the epoch.

    `id` is the broker's for this run: the same however often it is admitted. `payload` is the JSON array
    [args, kwargs], or empty where it isn't kept; `payload_bytes` is its size. `observed` is the generation that its
    status speaks of, in so many `conditions`; `said` is the reason of the one on its admission. `problem` tells why it
    isn't understood; then the spec holds what is. `deleting`: somebody has deleted it, and a finalizer keeps it.
    """

    ref: ResourceRef
    spec: Spec
    queue: str
    id: str
    created_at: float
    phase: Phase
    status_run: int
    finished_at: float | None
    observed: int
    conditions: int
    traceparent: str | None
    said: str
    payload: bytes
    payload_bytes: int
    problem: str = ""
    deleting: bool = False

    @classmethod
    def parse(cls, body: bytes, *, whole: bool = False) -> TaskView:
        """From the API's JSON. `whole`: with its payload, however large. Raises ValueError for what a newer schema may
        have let in, and RecursionError."""
        found = _tasks.decode(body)
        meta, spec, status = found.metadata, found.spec, found.status
        # Of the names there are few, and many that have them.
        queue = sys.intern(spec.queue or spec.task.partition(".")[0])
        ended = status.phase.terminal and status.run >= spec.run
        created = meta.creation_timestamp.timestamp()
        if not ended:
            _check_start(spec, created)
        payload, size = (b"", 0) if ended and not whole else _payload(body)
        return cls(
            ResourceRef(sys.intern(meta.namespace), meta.name, meta.uid, spec.run, meta.generation),
            spec,
            queue,
            task_id(queue, f"{meta.uid}-{spec.run}"),
            created,
            status.phase,
            status.run,
            status.finished_at.timestamp() if status.finished_at else None,
            status.observed_generation,
            len(status.conditions),
            meta.annotations.traceparent if meta.annotations else None,
            next((sys.intern(one.reason) for one in status.conditions if one.type == "Admitted"), ""),
            payload if whole or size <= KEPT_BYTES else b"",
            size,
            deleting=meta.deletion_timestamp is not None,
        )

    @classmethod
    def misread(cls, body: Manifest, problem: str) -> TaskView:
        """Of a Task that isn't understood: what tells it apart, and how far it is."""
        meta, spec, status = body["metadata"], part(body, "spec"), part(body, "status")
        task, phase, number = _text(spec.get("task")) or "unknown", status.get("phase"), _number(spec.get("run"), 1)
        queue = _text(spec.get("queue")) or task.partition(".")[0]
        return cls(
            ResourceRef(meta["namespace"], meta["name"], meta["uid"], number, meta.get("generation", 1)),
            Spec(task, queue, run=number),
            queue,
            task_id(queue, f"{meta['uid']}-{number}"),
            datetime.fromisoformat(meta["creationTimestamp"]).timestamp(),
            Phase(phase) if phase in list(Phase) else Phase.PENDING,
            _number(status.get("run"), 1),
            _ended_at(status),
            _number(status.get("observedGeneration"), -1),
            len(status["conditions"]) if isinstance(status.get("conditions"), list) else 0,
            None,
            "",
            b"",
            0,
            problem,
            "deletionTimestamp" in meta,
        )

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return self.ref.namespace, self.ref.name

    @property
    def uid(self) -> str:
        """The object's."""
        return self.ref.uid

    @property
    def finished(self) -> bool:
        """Whether this run has ended."""
        return self.phase.terminal and self.status_run >= self.ref.run

    @property
    def edited(self) -> bool:
        """Whether its spec may have been changed since it was queued."""
        return self.ref.generation > max(self.observed, 1)

    @property
    def waits_or_runs(self) -> bool:
        """Whether its status says that this run has been queued."""
        return self.phase in _QUEUED and self.status_run >= self.ref.run

    @property
    def deadline(self) -> float | None:
        """When it must have ended."""
        limit = self.spec.deadline_seconds
        return None if limit is None else self.created_at + limit

    @property
    def not_before(self) -> float | None:
        """Its earliest start."""
        if self.spec.not_before is not None:
            return self.spec.not_before.timestamp()
        delay = self.spec.delay_seconds
        return None if delay is None else self.created_at + delay


_QUEUED = (Phase.QUEUED, Phase.RUNNING, Phase.RETRYING)


def _check_start(spec: Spec, created: float) -> None:
    """Raise ValueError for a moment that can't be reckoned with, or that nobody will see."""
    if spec.not_before is None:
        return
    try:
        late = spec.not_before.timestamp() > created + HORIZON_SECONDS
    except (OverflowError, ValueError):  # a year that only exists in some time zones
        late = True
    if late:
        years = round(HORIZON_SECONDS / (365 * 86_400))
        raise ValueError(f"spec.notBefore: {spec.not_before} is more than {years} years ahead: use an earlier time")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _ended_at(status: Manifest) -> float | None:
    try:
        return datetime.fromisoformat(_text(status.get("finishedAt"))).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _payload(body: bytes) -> tuple[bytes, int]:
    """[args, kwargs] and its size: the API server's own spelling, unless that alone would make it too large."""
    call = _calls.decode(body).spec
    payload = b"[%b,%b]" % (bytes(call.args), bytes(call.kwargs))
    try:
        check_depth(payload, MAX_DEPTH + 2)
    except ValueError as error:
        raise ValueError(f"spec.args or spec.kwargs: {error}: pass a reference instead") from None
    if len(payload) > ARGUMENT_BYTES:  # Go spells <, > and & with six bytes each
        payload = msgspec.json.encode(msgspec.json.decode(payload))
    return payload, len(payload)

"""How a Task stands, as its resource says it: pure, from what the worker and the operator know to a status and the
JSON Patch that writes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from penstock import telemetry
from penstock.envelope import ResourceRef
from penstock.kube import Manifest, Resource
from penstock.outcome import Outcome
from penstock.resources.kinds import GROUP, VERSION
from penstock.resources.limits import MESSAGE_LENGTH, RESULT_BYTES
from penstock.standing import Standing
from penstock.status import Phase

__all__ = ["TASKS", "TASK_BATCHES", "WORKER_POOLS", "ended", "guarded", "moment", "observed", "standing"]

TASKS = Resource(f"/apis/{GROUP}/{VERSION}", "tasks")
TASK_BATCHES = Resource(f"/apis/{GROUP}/{VERSION}", "taskbatches")
WORKER_POOLS = Resource(f"/apis/{GROUP}/{VERSION}", "workerpools")


def moment(seconds: float) -> str:
    """RFC 3339 with microseconds, as the API server's MicroTime."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def standing(ref: ResourceRef, now: Standing) -> Manifest:
    """The status of a Task that hasn't ended."""
    waited = None if now.queued_at is None or now.started_at is None else now.started_at - now.queued_at
    return _present(
        phase=now.phase,
        **_identity(ref, now.traceparent),
        conditions=[
            _condition(ref, "Admitted", now.admitted, now.reason, now.message, now.at),
            _condition(ref, "Finished", False, now.phase, "", now.at),
            _condition(ref, "Reconciling", True, now.reason, now.message, now.at),
        ],
        attempts=now.attempts or None,
        worker=now.worker or None,
        queuedAt=_moment(now.queued_at),
        startedAt=_moment(now.started_at),
        queueSeconds=_seconds(waited),
        progress=_progress(now),
    )


def ended(ref: ResourceRef, outcome: Outcome) -> Manifest:
    """The status of a Task that has ended."""
    succeeded = outcome.phase is Phase.SUCCEEDED
    failure = outcome.failure
    reason = outcome.phase if succeeded or failure is None else _reason(failure.type, outcome.phase)
    message = "" if failure is None else f"{failure.type}: {failure.message}"
    at = outcome.finished_at
    status = _present(
        phase=outcome.phase,
        **_identity(ref, outcome.traceparent),
        conditions=[
            _admitted(ref, outcome, reason, message),
            _condition(ref, "Finished", True, reason, message, at),
            _condition(ref, "Complete", succeeded, reason, message, at),
            _condition(ref, "Failed", not succeeded, reason, message, at),
            # For kstatus: nothing more happens, and what didn't succeed needs a person.
            _condition(ref, "Reconciling", False, reason, "", at),
            _condition(ref, "Stalled", not succeeded, reason, message, at),
        ],
        attempts=outcome.attempts,
        worker=outcome.worker or None,
        queuedAt=_moment(outcome.queued_at),
        startedAt=_moment(outcome.started_at),
        finishedAt=_moment(at),
        queueSeconds=_seconds(_between(outcome.queued_at, outcome.started_at)),
        runSeconds=_seconds(_between(outcome.started_at, at)),
        error=None if failure is None else msgspec.to_builtins(failure),
    )
    return status | _result(outcome)


def _admitted(ref: ResourceRef, outcome: Outcome, reason: str, message: str) -> Manifest:
    """Whether it was ever queued: the operator may have ended it before."""
    queued = outcome.queued_at if outcome.queued_at is not None else outcome.started_at
    if queued is not None or outcome.phase is Phase.SUCCEEDED:
        return _condition(ref, "Admitted", True, "Queued", "", outcome.finished_at if queued is None else queued)
    return _condition(ref, "Admitted", False, reason, message, outcome.finished_at)


def guarded(ref: ResourceRef, status: Manifest, *, over: Sequence[Phase] = ()) -> list[Manifest]:
    """The JSON Patch that writes `status` onto this very object and run, or onto nothing.

    `over` names the phase that must still stand: an operator's "Queued" must not overwrite what a worker has
    reported meanwhile.
    """
    checks: list[Manifest] = [
        {"op": "test", "path": "/metadata/uid", "value": ref.uid},
        {"op": "test", "path": "/spec/run", "value": ref.run},
        *({"op": "test", "path": "/status/phase", "value": phase} for phase in over),
    ]
    return [*checks, {"op": "add", "path": "/status", "value": status}]


def observed(ref: ResourceRef, conditions: int) -> list[Manifest]:
    """The JSON Patch that lets an ended Task's status, with so many conditions, speak of its present generation.

    A spec may change after the end, or between a worker's start and its report (a cancellation does). `kubectl wait`
    and kstatus ignore what speaks of an older generation.
    """
    paths = ["/status/observedGeneration", *(f"/status/conditions/{i}/observedGeneration" for i in range(conditions))]
    return [
        {"op": "test", "path": "/metadata/uid", "value": ref.uid},
        {"op": "test", "path": "/spec/run", "value": ref.run},
        *({"op": "add", "path": path, "value": ref.generation} for path in paths),
    ]


def _identity(ref: ResourceRef, traceparent: str | None) -> Manifest:
    return {
        "run": ref.run,
        "observedGeneration": ref.generation,
        "traceID": telemetry.trace_id(traceparent),
    }


def _condition(ref: ResourceRef, type: str, holds: bool, reason: str, message: str, at: float) -> Manifest:
    return {
        "type": type,
        "status": "True" if holds else "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": moment(at),
        "observedGeneration": ref.generation,
    }


def _reason(type: str, phase: Phase) -> str:
    """Ours are CamelCase words; a user's exception may be named anything, so its phase has to do."""
    return type if type.isidentifier() and type[0].isupper() and type.isascii() else str(phase)


def _result(outcome: Outcome) -> Manifest:
    if outcome.result is None:
        return {}
    if len(outcome.result) > RESULT_BYTES:
        return {"resultRef": f"broker:{outcome.id}"}
    return {"result": msgspec.json.decode(outcome.result)}


def _progress(now: Standing) -> Manifest | None:
    if now.percent is None and not now.said:
        return None
    return {"percent": int(now.percent or 0), "message": now.said[:MESSAGE_LENGTH]}


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def _moment(seconds: float | None) -> str | None:
    """To the millisecond, which is all that Redis tells of its clock: what began when another ended isn't earlier."""
    return None if seconds is None else moment(round(seconds * 1_000_000) // 1000 / 1000)


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 6)


def _present(**fields: object) -> Manifest:
    return {name: value for name, value in fields.items() if value is not None}

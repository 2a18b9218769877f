"""What is to be done about a Task: a chain of pure policies, the first that has an opinion decides."""

from __future__ import annotations

from collections.abc import Callable

from penstock.resources.limits import ARGUMENT_BYTES
from penstock_operator.admission.decisions import Admit, Cancel, Decision, Expire, Hold, Refuse, Surroundings
from penstock_operator.admission.dependencies import cyclic, dependent
from penstock_operator.admission.queue_rules import disallowed, queueless
from penstock_operator.admission.view import TaskView
from penstock_operator.conditions import BEING_DELETED, INVALID

__all__ = ["decide"]


def decide(task: TaskView, around: Surroundings) -> Decision:
    """The decision on one Task."""
    if task.finished:
        return _expiry(task, around)
    for policy in POLICIES:
        if (decision := policy(task, around)) is not None:
            return decision
    return Admit()


def _expiry(task: TaskView, around: Surroundings) -> Expire:
    if around.awaited:
        return Expire(None)
    return Expire((task.finished_at or around.now) + around.queue.life(task.spec.ttl_seconds_after_finished))


def cancelled(task: TaskView, around: Surroundings) -> Decision | None:
    """A cancellation counts at any time before the end."""
    return Cancel("Cancelled", "spec.cancel is true") if task.spec.cancel else None


def deleted(task: TaskView, around: Surroundings) -> Decision | None:
    """Nobody wants it any more, though another's finalizer keeps the object."""
    return Cancel(*BEING_DELETED) if task.deleting else None


def misread(task: TaskView, around: Surroundings) -> Decision | None:
    """What isn't understood can't be run as it was meant."""
    return Refuse(INVALID, task.problem) if task.problem else None


def overdue(task: TaskView, around: Surroundings) -> Decision | None:
    """A deadline that has passed, also while it waits for a worker."""
    if task.deadline is None or task.deadline > around.now:
        return None
    limit = task.spec.deadline_seconds
    return Refuse("DeadlineExceeded", f"it didn't end within spec.deadlineSeconds ({limit:g} s) of its creation")


def oversized(task: TaskView, around: Surroundings) -> Decision | None:
    """args and kwargs have a bound that the CRD can't check."""
    size = task.payload_bytes
    if size <= ARGUMENT_BYTES:
        return None
    return Refuse(
        "PayloadTooLarge",
        f"spec.args and spec.kwargs take {size} bytes of JSON and may take {ARGUMENT_BYTES}: pass a reference instead",
    )


def suspended(task: TaskView, around: Surroundings) -> Decision | None:
    """Held until somebody lets it go."""
    return Hold("Suspended", "spec.suspend is true: set it to false to queue the Task") if task.spec.suspend else None


POLICIES: tuple[Callable[[TaskView, Surroundings], Decision | None], ...] = (
    cancelled,
    deleted,
    misread,
    overdue,
    oversized,
    disallowed,
    cyclic,
    suspended,
    queueless,
    dependent,
)

"""What is to be done about a Task: a chain of pure policies, the first that has an opinion decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from penstock.resources.limits import ARGUMENT_BYTES, DEFAULT_TTL_SECONDS
from penstock_operator.admission.view import TaskView

__all__ = ["Admit", "Cancel", "Decision", "Expire", "Hold", "Refuse", "decide"]


@dataclass(frozen=True, slots=True)
class Admit:
    """Put it on its queue."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now. It is Blocked until its spec changes."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never: it fails, unless it has begun meanwhile."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Its spec asks for that."""


@dataclass(frozen=True, slots=True)
class Expire:
    """It has ended; delete it at this time."""

    at: float


Decision = Admit | Hold | Refuse | Cancel | Expire


def decide(task: TaskView, default_ttl: int | None, now: float) -> Decision:
    """The decision on one Task. `default_ttl` is its queue's; seconds."""
    if task.finished:
        return _expiry(task, default_ttl, now)
    for policy in POLICIES:
        if (decision := policy(task, now)) is not None:
            return decision
    return Admit()


def _expiry(task: TaskView, default_ttl: int | None, now: float) -> Expire:
    candidates = (task.spec.ttl_seconds_after_finished, default_ttl, DEFAULT_TTL_SECONDS)
    ttl = next(seconds for seconds in candidates if seconds is not None)
    return Expire((task.finished_at or now) + ttl)


def cancelled(task: TaskView, now: float) -> Decision | None:
    """A cancellation counts at any time before the end."""
    return Cancel() if task.spec.cancel else None


def overdue(task: TaskView, now: float) -> Decision | None:
    """A deadline that has passed, also while it waits for a worker."""
    if task.deadline is None or task.deadline > now:
        return None
    limit = task.spec.deadline_seconds
    return Refuse("DeadlineExceeded", f"it didn't end within spec.deadlineSeconds ({limit:g} s) of its creation")


def oversized(task: TaskView, now: float) -> Decision | None:
    """args and kwargs have a bound that the CRD can't check."""
    size = len(msgspec.json.encode([task.spec.args, task.spec.kwargs]))
    if size <= ARGUMENT_BYTES:
        return None
    return Refuse(
        "PayloadTooLarge",
        f"spec.args and spec.kwargs take {size} bytes of JSON and may take {ARGUMENT_BYTES}: pass a reference instead",
    )


def suspended(task: TaskView, now: float) -> Decision | None:
    """Held until somebody lets it go."""
    return Hold("Suspended", "spec.suspend is true: set it to false to queue the Task") if task.spec.suspend else None


def dependent(task: TaskView, now: float) -> Decision | None:
    """Dependencies aren't resolved by this version; running too early would be worse than waiting."""
    if not task.spec.depends_on:
        return None
    return Hold("DependenciesNotSupported", "this version doesn't resolve spec.dependsOn: remove it to run the Task")


POLICIES: tuple[Callable[[TaskView, float], Decision | None], ...] = (
    cancelled,
    overdue,
    oversized,
    suspended,
    dependent,
)

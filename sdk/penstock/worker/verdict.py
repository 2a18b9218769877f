"""What becomes of an attempt: a pure decision from how it ended to how it is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from penstock.broker.messages import Verb
from penstock.definition import Options
from penstock.errors import BadResult
from penstock.outcome import Failure
from penstock.retry import Retry, RetryPolicy, Snooze, wished
from penstock.status import Phase
from penstock.worker.ending import (
    Crashed,
    Died,
    Ending,
    Expired,
    Raised,
    RaisedInChild,
    Returned,
    Silent,
    Stopped,
    TimedOut,
    Unfit,
    Unknown,
)
from penstock.worker.failure import described, lineage, name_of

__all__ = ["Ruling", "Standards", "rule", "succeeded"]

_LAST = name_of(BadResult)  # no other attempt would fare better


class Ruling(Struct, frozen=True):
    """How to settle. `phase` is terminal with Verb.END."""

    verb: Verb
    phase: Phase
    delay: float = 0.0
    result: bytes | None = None
    failure: Failure | None = None
    reason: str = ""  # why it is parked, or how it crashed


@dataclass(frozen=True, slots=True)
class Standards:
    """What an attempt is judged by: `attempts` starts of the function so far, `crashes` apart from them. `patient` if
    it may still wait for a worker of another version."""

    attempts: int
    policy: RetryPolicy
    crashes: int = 0
    max_crashes: int = 3
    options: Options | None = None
    patient: bool = True


def rule(ending: Ending, by: Standards, random: Callable[[], float]) -> Ruling:
    """The ruling on an attempt."""
    match ending:
        case Returned():
            return succeeded(ending)
        case Stopped():
            return _from_outside(ending)
        case Unknown() | Unfit():
            return _elsewhere(ending, by)
        case Crashed() | Died():
            return _took_down(ending, by)
        case Expired() | TimedOut(deadline=True):
            return _too_late(ending)
        case TimedOut() | Silent():
            return _again_or_dead(_stopped(ending), by, by.policy.delay(by.attempts, random))
        case Raised(error):
            asked = error if isinstance(error, Retry | Snooze) else None
            return _raised(RaisedInChild(described(error), lineage(type(error)), asked), by, random)
        case RaisedInChild():
            return _raised(ending, by, random)


def _stopped(ending: TimedOut | Silent) -> Failure:
    if isinstance(ending, Silent):
        return Failure.bounded("HeartbeatMissed", f"it said nothing for {ending.seconds:g} s", retryable=True)
    return Failure.bounded("TimedOut", f"the attempt took longer than {ending.seconds:g} s", retryable=True)


def succeeded(ending: Returned) -> Ruling:
    """The ruling on most: no standards are needed for it."""
    return Ruling(Verb.END, Phase.SUCCEEDED, result=ending.value)


def _raised(ending: RaisedInChild, by: Standards, random: Callable[[], float]) -> Ruling:
    asked = wished(ending.asked) if ending.asked else None
    if isinstance(ending.asked, Snooze):
        return Ruling(Verb.RELEASE, Phase.QUEUED, delay=asked or 0.0)
    if _LAST in ending.lineage:
        return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=_final(ending.failure))
    if ending.asked is None and _gives_up(ending.lineage, by.options):
        return Ruling(Verb.END, Phase.FAILED, failure=_final(ending.failure))
    return _again_or_dead(ending.failure, by, by.policy.delay(by.attempts, random) if asked is None else asked)


def _final(failure: Failure) -> Failure:
    """The same, which the policy won't try again."""
    return Failure.bounded(failure.type, failure.message, failure.traceback)


def _gives_up(names: tuple[str, ...], options: Options | None) -> bool:
    """Whether the task's declaration makes this exception final: listed in give_up_on, or not in retry_on."""
    if options is None:
        return False
    if any(name_of(kind) in names for kind in options.give_up_on):
        return True
    return options.retry_on is not None and not any(name_of(kind) in names for kind in options.retry_on)


def _from_outside(ending: Stopped) -> Ruling:
    if ending.why is not Phase.CANCELLED:
        return Ruling(Verb.RELEASE, Phase.QUEUED)
    return Ruling(Verb.END, Phase.CANCELLED, failure=Failure.bounded("Cancelled", ending.reason))


def _elsewhere(ending: Unknown | Unfit, by: Standards) -> Ruling:
    """What this worker can't run, another may: one of the version that the task was submitted for. Not for ever."""
    if isinstance(ending, Unknown):
        kind, reason = "UnknownTask", f"no live worker knows the task {ending.task!r}"
    else:
        kind, reason = "BadArgument", ending.problem
    if by.patient and (isinstance(ending, Unknown) or ending.foreign):
        return Ruling(Verb.PARK, Phase.QUEUED, reason=reason)
    return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=Failure.bounded(kind, reason))


def _too_late(ending: Expired | TimedOut) -> Ruling:
    if isinstance(ending, Expired):
        message = f"it wasn't started within its time; {ending.seconds:.1f} s too late"
        return Ruling(Verb.END, Phase.FAILED, failure=Failure.bounded("Expired", message))
    before = f"the deadline had passed {ending.seconds:.1f} s before"
    message = before if ending.seconds else "the deadline passed while it ran"
    return Ruling(Verb.END, Phase.FAILED, failure=Failure.bounded("DeadlineExceeded", message))


def _took_down(ending: Crashed | Died, by: Standards) -> Ruling:
    """A worker that died gave its task back already; a child process that died leaves that to its worker."""
    if isinstance(ending, Crashed):
        message = f"its worker died {ending.crashes} times while running it"
    elif by.crashes + 1 < by.max_crashes:
        reason = f"its process died with exit code {ending.exitcode}, crash {by.crashes + 1} of {by.max_crashes}"
        return Ruling(Verb.CRASH, Phase.QUEUED, reason=reason)
    else:
        message = f"its process died {by.crashes + 1} times while running it, last with exit code {ending.exitcode}"
    return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=Failure.bounded("WorkerCrashed", message))


def _again_or_dead(failure: Failure, by: Standards, delay: float) -> Ruling:
    if by.policy.exhausted(by.attempts):
        return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=failure)
    return Ruling(Verb.RETRY, Phase.RETRYING, delay=delay, failure=failure)

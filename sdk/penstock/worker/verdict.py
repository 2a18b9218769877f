"""What becomes of an attempt: a pure decision from how it ended to how it is settled."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from penstock.broker.protocol import Verb
from penstock.outcome import Failure
from penstock.retry import Retry, RetryPolicy
from penstock.status import Phase

__all__ = ["Ending", "Raised", "Returned", "Ruling", "Stopped", "TimedOut", "rule"]

_CALLERS = ("penstock.worker.", "concurrent.futures.", "asyncio.")


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned; `value` is JSON."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised, or its result couldn't be encoded."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt's time was up; `deadline` tells whether the whole task's was."""

    seconds: float
    deadline: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """Ended from outside before it could end by itself."""

    why: Phase | None  # CANCELLED: somebody cancelled it · None: the worker hands it back
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No function of that name here."""

    task: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """It has killed too many workers to be begun again."""

    crashes: int


Ending = Returned | Raised | TimedOut | Stopped | Unknown | Crashed


@dataclass(frozen=True, slots=True)
class Ruling:
    """How to settle. `phase` is terminal with Verb.END."""

    verb: Verb
    phase: Phase
    delay: float = 0.0
    result: bytes | None = None
    failure: Failure | None = None


def rule(ending: Ending, attempts: int, policy: RetryPolicy, random: Callable[[], float]) -> Ruling:
    """The ruling on an attempt, the `attempts`-th start of the function."""
    match ending:
        case Returned(value):
            return Ruling(Verb.END, Phase.SUCCEEDED, result=value)
        case Stopped(why=Phase.CANCELLED, reason=reason):
            return Ruling(Verb.END, Phase.CANCELLED, failure=Failure.bounded("Cancelled", reason))
        case Stopped():
            return Ruling(Verb.RELEASE, Phase.QUEUED)
        case Unknown():
            return Ruling(Verb.PARK, Phase.QUEUED)
        case Crashed(crashes):
            message = f"its worker died {crashes} times while running it"
            return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=Failure.bounded("WorkerCrashed", message))
        case TimedOut(seconds, deadline=True):
            message = (
                f"the deadline had passed {seconds:.1f} s before" if seconds else "the deadline passed while it ran"
            )
            return Ruling(Verb.END, Phase.FAILED, failure=Failure.bounded("DeadlineExceeded", message))
        case TimedOut(seconds):
            failure = Failure.bounded("TimedOut", f"the attempt took longer than {seconds:g} s", retryable=True)
            return _again_or_dead(failure, attempts, policy, policy.delay(attempts, random))
        case Raised(error):
            failure = _described(error)
            asked = error.delay if isinstance(error, Retry) else None
            delay = policy.delay(attempts, random) if asked is None else max(0.0, asked)
            return _again_or_dead(failure, attempts, policy, delay)


def _again_or_dead(failure: Failure, attempts: int, policy: RetryPolicy, delay: float) -> Ruling:
    if policy.exhausted(attempts):
        return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=failure)
    return Ruling(Verb.RETRY, Phase.RETRYING, delay=delay, failure=failure)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames above the task: how a worker calls it says nothing to its author."""
    part = trace
    while part is not None and part.tb_frame.f_globals.get("__name__", "").startswith(_CALLERS):
        part = part.tb_next
    return part or trace


def _described(error: BaseException) -> Failure:
    """The exception as data."""
    text = "".join(traceback.format_exception(type(error), error, _users_part(error.__traceback__)))
    return Failure.bounded(type(error).__qualname__, _message(error), text, retryable=True)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception's own __str__ may fail, and mustn't take the outcome with it
        return "(its message can't be shown)"

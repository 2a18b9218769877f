"""What becomes of an attempt: a pure decision from how it ended to how it is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.broker.messages import Verb
from penstock.definition import Options
from penstock.errors import PenstockError
from penstock.outcome import Failure
from penstock.retry import Retry, RetryPolicy, Snooze
from penstock.status import Phase
from penstock.worker.child import Answer, Error, Value
from penstock.worker.failure import described, lineage, name_of

__all__ = [
    "Died",
    "EndedApart",
    "Ending",
    "Expired",
    "Raised",
    "RaisedInChild",
    "Returned",
    "Ruling",
    "Silent",
    "Standards",
    "Stopped",
    "TimedOut",
    "Unfit",
    "ended_in_child",
    "rule",
    "succeeded",
]


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned; `value` is JSON."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised, or its result couldn't be encoded."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class RaisedInChild:
    """The same in a process of its own: the exception as data, `lineage` the qualified names of its classes."""

    failure: Failure
    lineage: tuple[str, ...]
    asked: Retry | Snooze | None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt's time was up; `deadline` tells whether the whole task's was."""

    seconds: float
    deadline: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """It hasn't said that it is well for longer than its declaration allows."""

    seconds: float


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
class Unfit:
    """Its arguments aren't what the function takes; `foreign` if they are for another version of it."""

    problem: str
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Crashed:
    """It has killed too many workers to be begun again."""

    crashes: int


@dataclass(frozen=True, slots=True)
class Died:
    """The process that it had to itself ended under it."""

    exitcode: int


@dataclass(frozen=True, slots=True)
class Expired:
    """It wasn't started in time."""

    seconds: float


Ending = Returned | Raised | RaisedInChild | TimedOut | Silent | Stopped | Unknown | Unfit | Crashed | Died | Expired


class EndedApart(PenstockError):
    """What middlewares see of a task that failed in a process of its own: the exception isn't rebuilt here."""

    def __init__(self, ending: RaisedInChild | Died) -> None:
        failure = ending.failure if isinstance(ending, RaisedInChild) else None
        super().__init__(f"{failure.type}: {failure.message}" if failure else "its process died")
        self.ending = ending


def ended_in_child(answer: Answer) -> Returned | RaisedInChild | Died:
    """How a call in a child process ended."""
    match answer:
        case Value(data):
            return Returned(data)
        case Error():
            failure = Failure.bounded(answer.type, answer.message, answer.traceback, retryable=True)
            return RaisedInChild(failure, answer.lineage, _wish(answer))
        case _:
            return Died(answer.exitcode)


def _wish(error: Error) -> Retry | Snooze | None:
    if error.wish == "snooze":
        return Snooze(error.delay or 0.0, error.message)
    return Retry(error.delay, error.message) if error.wish == "retry" else None


@dataclass(frozen=True, slots=True)
class Ruling:
    """How to settle. `phase` is terminal with Verb.END."""

    verb: Verb
    phase: Phase
    delay: float = 0.0
    result: bytes | None = None
    failure: Failure | None = None
    reason: str = ""  # why it is parked


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
    if isinstance(ending.asked, Snooze):
        return Ruling(Verb.RELEASE, Phase.QUEUED, delay=ending.asked.delay)
    if ending.asked is None and _gives_up(ending.lineage, by.options):
        failure = Failure.bounded(ending.failure.type, ending.failure.message, ending.failure.traceback)
        return Ruling(Verb.END, Phase.FAILED, failure=failure)
    asked = ending.asked.delay if ending.asked else None
    delay = by.policy.delay(by.attempts, random) if asked is None else max(0.0, asked)
    return _again_or_dead(ending.failure, by, delay)


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
        return Ruling(Verb.CRASH, Phase.QUEUED)
    else:
        message = f"its process died {by.crashes + 1} times while running it, last with exit code {ending.exitcode}"
    return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=Failure.bounded("WorkerCrashed", message))


def _again_or_dead(failure: Failure, by: Standards, delay: float) -> Ruling:
    if by.policy.exhausted(by.attempts):
        return Ruling(Verb.END, Phase.DEAD_LETTERED, failure=failure)
    return Ruling(Verb.RETRY, Phase.RETRYING, delay=delay, failure=failure)

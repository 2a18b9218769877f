"""How an attempt can end, and what each exception of somebody else's code means for it.

| The code (of a function, dependency or middleware) | The attempt |
|---|---|
| returns | succeeds; BadResult if that can't travel or doesn't fit the annotation |
| raises anything, derived from Exception or not | fails with that exception, and is retried by the policy |
| raises StopIteration, StopAsyncIteration | the same, though Python hides them behind a RuntimeError in a coroutine |
| raises SystemExit | fails with RuntimeError "the task called sys.exit(…)" |
| raises a CancelledError that nobody asked for | fails with CancelledError |
| raises Retry or Snooze with a delay that is none | fails with ValueError, which names it |
| is stopped, runs out of time | ends so when the code lets go, or after a while without it |

Such an exception must meet neither the event loop nor a Future, which can't carry each of them: a StopIteration makes
a Future hang, a KeyboardInterrupt ends the loop, a GeneratorExit looks as if our own coroutine was closed. So a thread
hands it over as data (`thread.py`), and an attempt's own task never lets one out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from msgspec import Struct

from penstock.errors import PenstockError
from penstock.outcome import Failure
from penstock.retry import Retry, Snooze, wished
from penstock.status import Phase

__all__ = [
    "Crashed",
    "Died",
    "EndedApart",
    "Ending",
    "Expired",
    "Raised",
    "RaisedInChild",
    "Returned",
    "Silent",
    "Stopped",
    "TimedOut",
    "Unfit",
    "Unknown",
    "closed",
    "meant",
]

_HIDDEN = "coroutine raised StopIteration"  # what Python makes of one that leaves a coroutine


class Returned(Struct, frozen=True):
    """The function returned; `value` is JSON."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """Somebody's code raised: the function, a dependency, a middleware. Or the result couldn't be encoded."""

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


def meant(error: BaseException) -> BaseException:
    """What somebody's code raised, as it counts: the table above."""
    if isinstance(error, SystemExit):
        return RuntimeError(f"the task called sys.exit({_shown(error.code)})").with_traceback(error.__traceback__)
    if isinstance(error, Retry | Snooze):
        return _without_delay(error) or error
    if type(error) is RuntimeError and isinstance(error.__cause__, StopIteration) and str(error) == _HIDDEN:
        return error.__cause__
    return error


def _without_delay(error: Retry | Snooze) -> BaseException | None:
    """Why it can't be done as it asks, if so."""
    try:
        wished(error)
    except Exception as problem:
        problem.__cause__ = error
        return problem
    return None


def _shown(code: object) -> str:
    try:
        return repr(code)
    except BaseException:  # the code may be any object of the task's
        return "…"


def closed(task: asyncio.Task[object] | None) -> bool:
    """Whether a GeneratorExit in `task` closes its coroutine: nobody runs the task then. One that is raised by code
    comes while it runs."""
    try:
        return asyncio.current_task() is not task
    except RuntimeError:  # no event loop runs any more
        return True

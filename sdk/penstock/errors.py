"""Everything that Penstock raises on purpose.

PenstockError
├── ConfigurationError      a setting, URL or declaration can't be used; nothing was sent
├── BadArgument             an argument doesn't fit the task's signature or annotation; a TypeError, too
├── SubmissionError         the broker or the API server refused or didn't answer; `open`: it may have taken it
│   ├── NotConnected        nothing answers at the broker's or the API server's address (any more)
│   ├── QueueFull           as many tasks wait as the queue's maxDepth allows
│   ├── Refused             the broker won't take this very content; trying again is no use
│   │   └── TooLarge        it is larger than the broker takes
│   └── ApiRefused          the API server said no; carries its status code and reason
├── Deposed                 an operator that doesn't lead (any more) was about to act; its successor does
├── UnknownTask             an id that the broker (no longer) knows
├── ResultTimeout           the caller's patience ended; the task goes on
├── ResultExpired           the task finished, but its result's retention is over
├── BadResult               a task's result can't travel or doesn't fit its return annotation; the attempt is the last
│   └── ResultTooLarge      it is larger than a result may be
├── ResultUnreadable        the task succeeded, but its result isn't what its function is annotated to return here
├── BatchFailed             the TaskBatch ended in a phase other than Succeeded
└── TaskEnded               the task reached a phase other than Succeeded
    ├── TaskFailed          Failed or DeadLettered; carries the remote type, message and traceback
    ├── TaskTimedOut        its attempt timeout or its deadline passed
    └── TaskCancelled       somebody cancelled it
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ApiRefused",
    "BadArgument",
    "BadResult",
    "BatchFailed",
    "ConfigurationError",
    "Deposed",
    "NotConnected",
    "PenstockError",
    "QueueFull",
    "Refused",
    "ResultExpired",
    "ResultTimeout",
    "ResultTooLarge",
    "ResultUnreadable",
    "SubmissionError",
    "TaskCancelled",
    "TaskEnded",
    "TaskFailed",
    "TaskTimedOut",
    "TooLarge",
    "UnknownTask",
]


class PenstockError(Exception):
    """The root: catch it to catch all of ours and nothing else."""


class ConfigurationError(PenstockError):
    """A setting, URL or declaration that can't work, found before anything was sent."""


class BadArgument(PenstockError, TypeError):
    """A call that the task can't be made with: the signature or an annotation refuses it. Nothing was sent."""


class SubmissionError(PenstockError):
    """The broker or the API server refused a task or didn't answer.

    `open` tells whether it may have taken the task all the same. If it is False, nothing was queued, and the call can
    be repeated as it is. If it is True, another call may run the task a second time; `options(id=…)` with the same id
    doesn't. `ids` are then those of the tasks that may or may not be queued, `id` is the first of them. `queued` are
    those of the same call that were queued for certain; `app.handle(id)` follows one.
    """

    def __init__(self, message: str, *, open: bool = False, queued: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.open = open
        self.ids: list[str] = []
        self.queued = list(queued)

    @property
    def id(self) -> str | None:
        """The first of the ids."""
        return self.ids[0] if self.ids else None


class NotConnected(SubmissionError):
    """Nothing answers at the broker's or the API server's address, or the connection ended before the answer came."""


class QueueFull(SubmissionError):
    """As many tasks wait in the queue as its maxDepth allows, and it doesn't hold submitters back.

    `queued`: the ids of those of the call's tasks that were queued before it was full; `app.handle(id)` follows one.
    """

    def __init__(self, message: str, queued: Sequence[str] = ()) -> None:
        super().__init__(message, queued=queued)


class Refused(SubmissionError):
    """The broker is there and won't take this very content. The same again would be refused again."""


class TooLarge(Refused):
    """The content is larger than the broker takes."""


class ApiRefused(SubmissionError):
    """The API server's answer was an error. `status` is the HTTP code, `reason` Kubernetes' own word for it."""

    def __init__(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"the API server answered {status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later. Server-side apply answers a field that isn't one with 500."""
        typed = self.status == 500 and self.message.startswith("failed to create typed")
        return (self.status in (408, 429) or self.status >= 500) and not typed


class Deposed(PenstockError):
    """Only the operator's leader acts, and this one doesn't lead any more. Nothing was done. `epoch`: of whoever was
    found to lead instead, if that is known."""

    def __init__(self, message: str, *, epoch: int = 0) -> None:
        super().__init__(message)
        self.epoch = epoch


class UnknownTask(PenstockError):
    """No record of this id: never queued here, or expired."""


class ResultTimeout(PenstockError):
    """`result(timeout=…)` ended before the task did."""


class ResultExpired(PenstockError):
    """The outcome was kept for its TTL and is gone."""


class BadResult(PenstockError):
    """What a task returned can't travel, or doesn't fit its return annotation. Another attempt would return the same:
    the task is dead-lettered at once."""


class ResultTooLarge(BadResult):
    """What a task returned is larger than a result may be."""


class ResultUnreadable(PenstockError):
    """The task succeeded. What it returned can't be read as its function's return annotation says in this process, for
    example because the worker runs another version of the code. The result is kept as it is."""


class BatchFailed(PenstockError):
    """A TaskBatch that didn't succeed: `reason` is a word, such as FailedItems, TooManyFailures or Cancelled. Its
    handle's `failures()` tells of its items, and its `retry()` runs them again."""

    def __init__(self, name: str, reason: str, message: str) -> None:
        super().__init__(f"TaskBatch {name}: {reason}: {message}")
        self.name = name
        self.reason = reason
        self.message = message


class TaskEnded(PenstockError):
    """The task ended without a result.

    `type`, `message` and `traceback` are the remote exception as text; it is never rebuilt here. If it was another
    task's, whose result this one waited for, `upstream` is the id of that task and the message names it; "" otherwise.
    """

    def __init__(self, task_id: str, type: str, message: str, traceback: str = "", upstream: str = "") -> None:
        super().__init__(f"{task_id}: {type}: {message}" if message else f"{task_id}: {type}")
        self.task_id = task_id
        self.type = type
        self.message = message
        self.traceback = traceback
        self.upstream = upstream


class TaskFailed(TaskEnded):
    """Failed for good, or its attempts are exhausted (dead-lettered)."""


class TaskTimedOut(TaskEnded):
    """The last attempt ran into its timeout, or the deadline passed."""


class TaskCancelled(TaskEnded):
    """Cancelled through the handle, the resource or the command line."""

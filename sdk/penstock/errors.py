"""Everything that Penstock raises on purpose.

PenstockError
├── ConfigurationError      a setting, URL or declaration can't be used; nothing was sent
├── BadArgument             an argument doesn't fit the task's signature or annotation; a TypeError, too
├── SubmissionError         the broker or the API server refused or could not be reached; safe to try again
│   ├── NotConnected        nothing answers at the broker's or the API server's address
│   ├── QueueFull           as many tasks wait as the queue's maxDepth allows
│   └── ApiRefused          the API server said no; carries its status code and reason
├── Deposed                 an operator that doesn't lead (any more) was about to act; its successor does
├── UnknownTask             an id that the broker (no longer) knows
├── ResultTimeout           the caller's patience ended; the task goes on
├── ResultExpired           the task finished, but its result's retention is over
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
    "BatchFailed",
    "ConfigurationError",
    "Deposed",
    "NotConnected",
    "PenstockError",
    "QueueFull",
    "ResultExpired",
    "ResultTimeout",
    "ResultUnreadable",
    "SubmissionError",
    "TaskCancelled",
    "TaskEnded",
    "TaskFailed",
    "TaskTimedOut",
    "UnknownTask",
]


class PenstockError(Exception):
    """The root: catch it to catch all of ours and nothing else."""


class ConfigurationError(PenstockError):
    """A setting, URL or declaration that can't work, found before anything was sent."""


class BadArgument(PenstockError, TypeError):
    """A call that the task can't be made with: the signature or an annotation refuses it. Nothing was sent."""


class SubmissionError(PenstockError):
    """The broker or the API server didn't take the task. Ids make a repeat safe."""


class NotConnected(SubmissionError):
    """Nothing answers at the broker's or the API server's address."""


class QueueFull(SubmissionError):
    """As many tasks wait in the queue as its maxDepth allows, and it doesn't hold submitters back.

    `queued`: the ids of those of the call's tasks that were queued before it was full; `app.handle(id)` follows one.
    """

    def __init__(self, message: str, queued: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.queued = list(queued)


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
        """Whether the same request may succeed later."""
        return self.status in (408, 429) or self.status >= 500


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

    `type`, `message` and `traceback` are the remote exception as text; it is never rebuilt here.
    """

    def __init__(self, task_id: str, type: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{task_id}: {type}: {message}" if message else f"{task_id}: {type}")
        self.task_id = task_id
        self.type = type
        self.message = message
        self.traceback = traceback


class TaskFailed(TaskEnded):
    """Failed for good, or its attempts are exhausted (dead-lettered)."""


class TaskTimedOut(TaskEnded):
    """The last attempt ran into its timeout, or the deadline passed."""


class TaskCancelled(TaskEnded):
    """Cancelled through the handle, the resource or the command line."""

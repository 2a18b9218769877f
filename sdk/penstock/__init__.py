"""Penstock: background tasks on Kubernetes.

app = Penstock("shop")

@app.task
async def send_welcome(user_id: int) -> str: ...

handle = await send_welcome.enqueue(42)
"""

from penstock.app import Penstock
from penstock.batch import BatchHandle, BatchStatus
from penstock.broker.messages import Limits, QueueConfig
from penstock.context import TaskContext
from penstock.depends import Depends
from penstock.errors import (
    BadArgument,
    BatchFailed,
    ConfigurationError,
    PenstockError,
    QueueFull,
    ResultExpired,
    ResultTimeout,
    SubmissionError,
    TaskCancelled,
    TaskEnded,
    TaskFailed,
    TaskTimedOut,
    TooLarge,
    UnknownTask,
)
from penstock.flow import Flow, chord, each, group
from penstock.handle import Handle, TaskStatus
from penstock.middleware import Middleware
from penstock.outcome import Failure
from penstock.previous import previous
from penstock.queue import Queue
from penstock.resources.phase import BatchPhase
from penstock.retry import Retry, RetryPolicy, Snooze
from penstock.status import Phase
from penstock.submission import Signature
from penstock.task import Task

__all__ = [
    "BadArgument",
    "BatchFailed",
    "BatchHandle",
    "BatchPhase",
    "BatchStatus",
    "ConfigurationError",
    "Depends",
    "Failure",
    "Flow",
    "Handle",
    "Limits",
    "Middleware",
    "Penstock",
    "PenstockError",
    "Phase",
    "Queue",
    "QueueConfig",
    "QueueFull",
    "ResultExpired",
    "ResultTimeout",
    "Retry",
    "RetryPolicy",
    "Signature",
    "Snooze",
    "SubmissionError",
    "Task",
    "TaskCancelled",
    "TaskContext",
    "TaskEnded",
    "TaskFailed",
    "TaskStatus",
    "TaskTimedOut",
    "TooLarge",
    "UnknownTask",
    "chord",
    "each",
    "group",
    "previous",
]

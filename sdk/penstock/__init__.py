"""Penstock: background tasks on Kubernetes.

app = Penstock("shop")

@app.task
async def send_welcome(user_id: int) -> str: ...

handle = await send_welcome.enqueue(42)
"""

from penstock.app import Penstock
from penstock.context import TaskContext
from penstock.errors import (
    ConfigurationError,
    PenstockError,
    QueueFull,
    ResultExpired,
    ResultTimeout,
    SubmissionError,
    TaskCancelled,
    TaskFailed,
    TaskTimedOut,
    UnknownTask,
)
from penstock.handle import Handle, TaskStatus
from penstock.retry import Retry, RetryPolicy
from penstock.status import Phase

__all__ = [
    "ConfigurationError",
    "Handle",
    "Penstock",
    "PenstockError",
    "Phase",
    "QueueFull",
    "ResultExpired",
    "ResultTimeout",
    "Retry",
    "RetryPolicy",
    "SubmissionError",
    "TaskCancelled",
    "TaskContext",
    "TaskFailed",
    "TaskStatus",
    "TaskTimedOut",
    "UnknownTask",
]

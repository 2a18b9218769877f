"""What a TaskQueue says of who may come."""

from __future__ import annotations

from fnmatch import fnmatchcase

from penstock_operator.admission.decisions import Decision, Hold, Refuse, Surroundings
from penstock_operator.admission.view import TaskView

__all__ = ["disallowed", "queueless"]


def disallowed(task: TaskView, around: Surroundings) -> Decision | None:
    """spec.allowedTasks: a queue whose workers mustn't be given just anything."""
    allowed, name = around.queue.allowed, task.spec.task
    if not allowed or any(fnmatchcase(name, pattern) for pattern in allowed):
        return None
    patterns = ", ".join(allowed)
    return Refuse(
        "TaskNotAllowed",
        f"spec.task {name} isn't allowed in queue {task.queue}: its TaskQueue's spec.allowedTasks takes {patterns}",
    )


def queueless(task: TaskView, around: Surroundings) -> Decision | None:
    """Where queues have to exist: most likely a slip of the pen, and nobody would ever serve it."""
    if around.queue.exists:
        return None
    known = ", ".join(around.queue.known) or "none"
    return Hold(
        "QueueNotFound",
        f"there is no TaskQueue {task.queue} in this namespace, nor one named default: create it (there are: {known})",
    )

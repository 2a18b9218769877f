"""What a TaskQueue says of who may come."""

from __future__ import annotations

from fnmatch import fnmatchcase

from penstock_operator.admission.decisions import Decision, Hold, QueueRules, Refuse, Surroundings
from penstock_operator.admission.view import TaskView

__all__ = ["disallowed", "queueless", "unwelcome"]


def disallowed(task: TaskView, around: Surroundings) -> Decision | None:
    """spec.allowedTasks: a queue whose workers mustn't be given just anything."""
    unwanted = unwelcome(task.spec.task, task.queue, around.queue)
    return Refuse(*unwanted) if unwanted else None


def unwelcome(task: str, queue: str, rules: QueueRules) -> tuple[str, str] | None:
    """Reason and message where a queue doesn't take tasks of that name."""
    if not rules.allowed or any(fnmatchcase(task, pattern) for pattern in rules.allowed):
        return None
    patterns = ", ".join(rules.allowed)
    said = f"spec.task {task} isn't allowed in queue {queue}: its TaskQueue's spec.allowedTasks takes {patterns}"
    return "TaskNotAllowed", said


def queueless(task: TaskView, around: Surroundings) -> Decision | None:
    """Where queues have to exist: most likely a slip of the pen, and nobody would ever serve it."""
    if around.queue.exists:
        return None
    known = ", ".join(around.queue.known) or "none"
    return Hold(
        "QueueNotFound",
        f"there is no TaskQueue {task.queue} in this namespace, nor one named default: create it (there are: {known})",
    )

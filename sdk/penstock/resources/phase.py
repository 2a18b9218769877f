"""The phases of a Task, without their transitions (those are penstock.status), and of a TaskBatch."""

from enum import StrEnum


class Phase(StrEnum):
    """The phases of a Task."""

    PENDING = "Pending"
    BLOCKED = "Blocked"
    QUEUED = "Queued"
    RUNNING = "Running"
    RETRYING = "Retrying"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    DEAD_LETTERED = "DeadLettered"

    @property
    def terminal(self) -> bool:
        """Whether the Task has ended. The phase doesn't change any more within this run."""
        return self in TERMINAL


TERMINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED, Phase.DEAD_LETTERED})


class BatchPhase(StrEnum):
    """The phases of a TaskBatch."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the batch has ended. The phase doesn't change any more within this run."""
        return self in BATCH_TERMINAL


BATCH_TERMINAL = frozenset({BatchPhase.SUCCEEDED, BatchPhase.FAILED, BatchPhase.CANCELLED})

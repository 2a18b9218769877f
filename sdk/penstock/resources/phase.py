"""The phases of a Task, without their transitions (those are penstock.status), and of a TaskBatch."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a Task is in its life."""

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
        """Whether nothing more happens to the Task within its run."""
        return self in TERMINAL


TERMINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED, Phase.DEAD_LETTERED})


class BatchPhase(StrEnum):
    """Where a TaskBatch is in its life."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing more happens to the batch within its run."""
        return self in BATCH_TERMINAL


BATCH_TERMINAL = frozenset({BatchPhase.SUCCEEDED, BatchPhase.FAILED, BatchPhase.CANCELLED})

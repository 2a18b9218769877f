"""The phases of a Task, without their transitions (those are penstock.status)."""

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

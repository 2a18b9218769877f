"""A TaskBatch as the broker is told of it: pure. The SDK and the operator say the same, so either may be the first."""

from __future__ import annotations

from penstock.broker.batch import BatchTerms, Hold
from penstock.keys import batch_id
from penstock.resources.batch import TaskBatchSpec

__all__ = ["batch_terms"]

# What the broker keeps of a batch stays for so long after the last look; deleting the TaskBatch takes it off at once.
LIFE_SECONDS = 7 * 24 * 3600.0


def batch_terms(spec: TaskBatchSpec, uid: str, hold: Hold | None = None) -> BatchTerms:
    """The terms of a TaskBatch with this uid; `hold` where more is known than the spec says."""
    return BatchTerms(
        id=batch_id(spec.queue_name(), uid),
        run=spec.run,
        parallelism=spec.parallelism,
        max_failures=spec.tolerance,
        hold=(Hold.SUSPENDED if spec.suspend else Hold.NONE) if hold is None else hold,
        priority=spec.priority.value,
        life=max(LIFE_SECONDS, spec.life),
    )

"""The terms of a TaskBatch for the broker, as a pure function. The SDK and the operator both use it."""

from __future__ import annotations

from penstock.broker.batch import BatchTerms, Hold
from penstock.keys import batch_id
from penstock.resources.batch import TaskBatchSpec

__all__ = ["batch_terms"]

# How long the broker keeps its records of a batch after the last access. Deleting the TaskBatch removes them at once.
LIFE_SECONDS = 7 * 24 * 3600.0


def batch_terms(spec: TaskBatchSpec, uid: str, hold: Hold | None = None) -> BatchTerms:
    """The terms of a TaskBatch with this uid. `hold` overrides spec.suspend."""
    return BatchTerms(
        id=batch_id(spec.queue_name(), uid),
        run=spec.run,
        parallelism=spec.parallelism,
        max_failures=spec.tolerance,
        hold=(Hold.SUSPENDED if spec.suspend else Hold.NONE) if hold is None else hold,
        priority=spec.priority.value,
        life=max(LIFE_SECONDS, spec.life),
    )

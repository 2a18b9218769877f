"""What a TaskBatch's status says: pure."""

from __future__ import annotations

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.phase import BatchPhase
from penstock_operator.batches.policy import Counts, Judgement
from penstock_operator.batches.view import BatchView
from penstock_operator.conditions import Row, conditions

__all__ = ["batch_status"]


def batch_status(view: BatchView, counts: Counts, judgement: Judgement, *, now: float) -> Manifest:
    """The whole status; the one before keeps transition times."""
    ended = judgement.phase.terminal
    old = view.status
    began = old["startedAt"] if view.began is not None else moment(now)
    status = {
        "phase": str(judgement.phase),
        "observedGeneration": view.ref.generation,
        "run": view.ref.run,
        "conditions": conditions(_rows(judgement), view.ref.generation, old=old, now=now),
        "total": counts.total,
        "waiting": 0 if ended else counts.waiting,
        "active": counts.active,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "cancelled": counts.cancelled + (counts.missing if ended else 0),
        "startedAt": began,
    }
    if counts.failed_indexes:
        status["failedIndexes"] = counts.failed_indexes
    return status | ({"finishedAt": moment(now)} if ended else {})


def _rows(judgement: Judgement) -> list[Row]:
    phase, reason, message = judgement.phase, judgement.reason, judgement.message
    ended, succeeded = phase.terminal, phase is BatchPhase.SUCCEEDED
    admitted = phase not in (BatchPhase.PENDING, BatchPhase.SUSPENDED)
    rows: list[Row] = [
        ("Admitted", admitted, reason, message),
        ("Finished", ended, reason, message if ended else ""),
        ("Reconciling", not ended, reason, "" if ended else message),
    ]
    if not ended:
        return rows
    # For kstatus: nothing more happens, and what didn't succeed needs a person.
    return [
        *rows,
        ("Complete", succeeded, reason, message),
        ("Failed", not succeeded, reason, message),
        ("Stalled", not succeeded, reason, message),
    ]

"""What becomes of a TaskBatch: from its spec and its items' bytes to counts, phase and reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from penstock.broker.batch import CANCELLED, FAILED, NOT_SENT, QUEUED, SUCCEEDED, BatchItems, Hold
from penstock.indexes import compressed
from penstock.resources.batch import BatchItem
from penstock.resources.limits import ARGUMENT_BYTES, FAILED_INDEXES_LENGTH
from penstock.resources.phase import BatchPhase
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.admission.queue_rules import unwelcome
from penstock_operator.batches.view import BatchView
from penstock_operator.conditions import BEING_DELETED, INVALID

__all__ = ["Counts", "Judgement", "counted", "ending", "hold_of", "judge", "lost", "refusal"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items there are, and how they stand. `missing` ones were never sent."""

    total: int
    waiting: int
    active: int
    succeeded: int
    failed: int
    cancelled: int
    missing: int
    failed_indexes: str = ""

    @property
    def open(self) -> int:
        """Those that were sent and haven't ended."""
        return self.total - self.missing - self.succeeded - self.failed - self.cancelled


@dataclass(frozen=True, slots=True)
class Judgement:
    """A phase and why."""

    phase: BatchPhase
    reason: str
    message: str = ""


def counted(items: BatchItems, total: int | None) -> Counts:
    """The counts; without a total, of what was sent so far."""
    known = items.items if total is None else items.items[:total]
    succeeded, failed, cancelled = (known.count(mark) for mark in (SUCCEEDED, FAILED, CANCELLED))
    open = known.count(QUEUED)
    missing = known.count(NOT_SENT) + (0 if total is None else total - len(known))
    held = min(items.held, open)
    return Counts(
        len(known) if total is None else total,
        held + missing,
        open - held,
        succeeded,
        failed,
        cancelled,
        missing,
        compressed(known, FAILED, FAILED_INDEXES_LENGTH),
    )


def hold_of(view: BatchView, now: float) -> Hold:
    """What keeps its items from starting, as far as that doesn't depend on them."""
    deadline = view.deadline(now)
    if view.problem or view.deleting or view.spec.cancel or (deadline is not None and deadline <= now):
        return Hold.STOPPED
    return Hold.SUSPENDED if view.spec.suspend else Hold.NONE


def _unfit(view: BatchView) -> Judgement | None:
    """Why nothing of it may run, whatever it says."""
    if view.deleting:
        return Judgement(BatchPhase.CANCELLED, *BEING_DELETED)
    return Judgement(BatchPhase.FAILED, INVALID, view.problem) if view.problem else None


def ending(view: BatchView, counts: Counts, now: float) -> Judgement | None:
    """Why what hasn't ended is to be cancelled, if it is."""
    spec, deadline = view.spec, view.deadline(now)
    if (unfit := _unfit(view)) is not None:
        return unfit
    if spec.cancel:
        return Judgement(BatchPhase.CANCELLED, "Cancelled", "spec.cancel is true")
    if deadline is not None and deadline <= now:
        said = f"it didn't end within spec.deadlineSeconds ({spec.deadline_seconds:g} s)"
        return Judgement(BatchPhase.FAILED, "DeadlineExceeded", said)
    if spec.tolerance is not None and counts.failed > spec.tolerance:
        said = f"more items failed than spec.failurePolicy tolerates ({spec.tolerance})"
        return Judgement(BatchPhase.FAILED, "TooManyFailures", said)
    if spec.items is None and spec.item_count is not None and counts.missing:
        return LOST
    return None


LOST = Judgement(
    BatchPhase.FAILED,
    "ItemsLost",
    "the broker has lost items that were streamed, and nobody else has them: stream them again as another TaskBatch",
)


def judge(view: BatchView, counts: Counts, now: float) -> Judgement:
    """The phase."""
    stop = ending(view, counts, now)
    complete = view.spec.total is not None and not counts.missing
    if counts.open == 0 and complete and counts.succeeded == counts.total:
        return Judgement(BatchPhase.SUCCEEDED, "Completed", "every item succeeded")
    if stop is not None:
        return stop if counts.open == 0 else Judgement(BatchPhase.RUNNING, stop.reason, f"stopping: {stop.message}")
    if counts.open == 0 and complete:
        return _result(view, counts)
    if view.spec.suspend:
        return Judgement(BatchPhase.SUSPENDED, "Suspended", "spec.suspend is true: set it to false to go on")
    return _running(view, counts)


def _result(view: BatchView, counts: Counts) -> Judgement:
    """All items have ended, and not all of them well. Those that somebody cancelled one by one count as failures."""
    unsuccessful = counts.failed + counts.cancelled
    if unsuccessful <= (view.spec.tolerance or 0):
        return Judgement(BatchPhase.SUCCEEDED, "FailuresTolerated", f"{unsuccessful} items didn't succeed")
    said = f"{unsuccessful} items didn't succeed: raise spec.run to run them again"
    return Judgement(BatchPhase.FAILED, "FailedItems", said)


def _running(view: BatchView, counts: Counts) -> Judgement:
    if view.spec.total is None:
        phase = BatchPhase.RUNNING if counts.total else BatchPhase.PENDING
        return Judgement(phase, "Streaming", "waits for more items, or for spec.itemCount to say that it has them all")
    if counts.missing and view.spec.items is not None:
        return Judgement(BatchPhase.RUNNING, "Sending", "its queue takes the items as it has room for them")
    return Judgement(BatchPhase.RUNNING, "Running")


def refusal(view: BatchView, rules: QueueRules) -> Judgement | None:
    """What isn't understood, what its queue doesn't allow, or arguments beyond a bound that the CRD can't check."""
    if (unfit := _unfit(view)) is not None:
        return unfit
    if (unwanted := unwelcome(view.spec.task, view.spec.queue_name(), rules)) is not None:
        return Judgement(BatchPhase.FAILED, *unwanted)
    for index, item in enumerate(view.spec.items or ()):
        size = _size(item)
        if size > ARGUMENT_BYTES:
            said = f"spec.items[{index}] takes {size} bytes of JSON and may take {ARGUMENT_BYTES}"
            return Judgement(BatchPhase.FAILED, "PayloadTooLarge", f"{said}: pass a reference instead")
    return None


def _size(item: BatchItem) -> int:
    return len(msgspec.json.encode([item.args, item.kwargs]))


def lost(view: BatchView) -> Counts:
    """What the status knows of a batch that the broker has lost: what hasn't ended counts as cancelled."""
    succeeded, failed = int(view.status.get("succeeded", 0)), int(view.status.get("failed", 0))
    total = view.spec.total
    if total is None:
        total = int(view.status.get("total", 0))
    failed_indexes = str(view.status.get("failedIndexes", ""))
    return Counts(total, 0, 0, succeeded, failed, max(0, total - succeeded - failed), 0, failed_indexes)

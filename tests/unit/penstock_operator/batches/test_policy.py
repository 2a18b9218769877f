from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.batch import BatchItems, Hold
from penstock.resources.limits import ARGUMENT_BYTES
from penstock.resources.phase import BatchPhase
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.batches.policy import Counts, counted, ending, hold_of, judge, lost, refusal
from penstock_operator.batches.view import BatchView

CREATED = "2026-11-21T10:00:00Z"
BORN = 1795255200.0
bytes_of_items = st.lists(st.sampled_from([b"\0", b"q", b"s", b"f", b"c"]), max_size=30).map(b"".join)


def view(status: dict[str, object] | None = None, /, **spec: Any) -> BatchView:
    meta = {"namespace": "shop", "name": "a", "uid": "u", "creationTimestamp": CREATED}
    return BatchView.of({"metadata": meta, "spec": {"task": "mail.send", **spec}, "status": status or {}})


def counts(items: bytes, total: int | None, held: int = 0) -> Counts:
    return counted(BatchItems(items, held, 1, False), total)


def said(items: bytes, /, **spec: object) -> tuple[BatchPhase, str]:
    batch = view(**spec)
    verdict = judge(batch, counts(items, batch.spec.total), BORN + 1)
    return verdict.phase, verdict.reason


@given(bytes_of_items, st.none() | st.integers(0, 40), st.integers(0, 40))
def test_every_item_is_counted_once(items: bytes, total: int | None, held: int) -> None:
    found = counts(items, total, held)
    ended = found.succeeded + found.failed + found.cancelled
    assert found.waiting + found.active + ended == found.total
    assert min(found.waiting, found.active, found.open, found.missing) >= 0
    if total is not None:
        assert found.total == total


@given(bytes_of_items, st.none() | st.integers(0, 30), st.none() | st.integers(0, 5), st.booleans(), st.booleans())
def test_it_ends_when_nothing_is_left_and_succeeds_only_within_its_tolerance(
    items: bytes, total: int | None, tolerance: int | None, cancel: bool, suspend: bool
) -> None:
    policy: dict[str, Any] = {} if tolerance is None else {"failurePolicy": {"maxFailures": tolerance}}
    known: dict[str, Any] = {} if total is None else {"itemCount": total}
    batch = view(cancel=cancel, suspend=suspend, **policy, **known)
    found = counts(items, total)
    verdict = judge(batch, found, BORN)
    if verdict.phase.terminal:
        assert found.open == 0
    elif found.open == 0:
        assert total is None
    if verdict.phase is BatchPhase.SUCCEEDED:
        assert found.missing == 0
        assert found.failed + found.cancelled <= (tolerance or 0)
    if ending(batch, found, BORN) is None and not verdict.phase.terminal:
        assert (verdict.phase is BatchPhase.SUSPENDED) == suspend


@pytest.mark.parametrize(
    ("items", "spec", "expected"),
    [
        (b"", {}, (BatchPhase.PENDING, "Streaming")),
        (b"ss", {}, (BatchPhase.RUNNING, "Streaming")),
        (b"ss", {"itemCount": 2}, (BatchPhase.SUCCEEDED, "Completed")),
        (b"", {"itemCount": 0}, (BatchPhase.SUCCEEDED, "Completed")),
        (b"sq", {"itemCount": 2}, (BatchPhase.RUNNING, "Running")),
        (b"sf", {"itemCount": 2}, (BatchPhase.FAILED, "FailedItems")),
        (b"sc", {"itemCount": 2}, (BatchPhase.FAILED, "FailedItems")),
        (b"sf", {"itemCount": 2, "failurePolicy": {"maxFailures": 1}}, (BatchPhase.SUCCEEDED, "FailuresTolerated")),
        (b"sffq", {"itemCount": 4, "failurePolicy": {"maxFailures": 1}}, (BatchPhase.RUNNING, "TooManyFailures")),
        (b"sffc", {"itemCount": 4, "failurePolicy": {"maxFailures": 1}}, (BatchPhase.FAILED, "TooManyFailures")),
        (b"sffc", {"itemCount": 4, "failurePolicy": {"maxFailureRatio": 0.25}}, (BatchPhase.FAILED, "TooManyFailures")),
        (b"sffc", {"failurePolicy": {"maxFailures": 1}}, (BatchPhase.FAILED, "TooManyFailures")),
        (b"s\0s", {"itemCount": 3}, (BatchPhase.FAILED, "ItemsLost")),
        (b"ss", {"itemCount": 3}, (BatchPhase.FAILED, "ItemsLost")),
        (b"s", {"items": [{}, {}]}, (BatchPhase.RUNNING, "Sending")),
        (b"sq", {"itemCount": 2, "suspend": True}, (BatchPhase.SUSPENDED, "Suspended")),
        (b"ss", {"itemCount": 2, "suspend": True}, (BatchPhase.SUCCEEDED, "Completed")),
        (b"sq", {"itemCount": 2, "cancel": True}, (BatchPhase.RUNNING, "Cancelled")),
        (b"sc", {"itemCount": 2, "cancel": True}, (BatchPhase.CANCELLED, "Cancelled")),
        (b"s", {"cancel": True}, (BatchPhase.CANCELLED, "Cancelled")),
        (b"ss", {"itemCount": 2, "cancel": True}, (BatchPhase.SUCCEEDED, "Completed")),
        (b"sc", {"itemCount": 2, "deadlineSeconds": 1}, (BatchPhase.FAILED, "DeadlineExceeded")),
        (b"sq", {"itemCount": 2, "deadlineSeconds": 2}, (BatchPhase.RUNNING, "Running")),
    ],
)
def test_judgements(items: bytes, spec: dict[str, object], expected: tuple[BatchPhase, str]) -> None:
    assert said(items, **spec) == expected


def test_what_is_beyond_the_parallelism_waits() -> None:
    found = counts(b"sfqqqq", 8, held=3)
    assert (found.total, found.waiting, found.active, found.failed_indexes) == (8, 5, 1, "1")


def test_the_hold() -> None:
    assert hold_of(view(), BORN) is Hold.NONE
    assert hold_of(view(suspend=True), BORN) is Hold.SUSPENDED
    assert hold_of(view(suspend=True, cancel=True), BORN) is Hold.STOPPED
    assert hold_of(view(deadlineSeconds=5), BORN + 5) is Hold.STOPPED


def test_a_later_runs_deadline_counts_from_its_own_beginning() -> None:
    began = "2026-11-21T11:00:00Z"
    assert view({"run": 1, "startedAt": began}, deadlineSeconds=5).deadline(BORN) == BORN + 5
    assert view({"run": 1, "startedAt": began}, deadlineSeconds=5, run=2).deadline(BORN + 9) == BORN + 14
    assert view({"run": 2, "startedAt": began}, deadlineSeconds=5, run=2).deadline(BORN) == BORN + 3605


def test_an_item_that_is_too_large_is_named() -> None:
    assert refusal(view(items=[{"args": ["x" * (ARGUMENT_BYTES - 20)]}]), QueueRules()) is None
    verdict = refusal(view(items=[{}, {"args": ["x" * ARGUMENT_BYTES]}]), QueueRules())
    assert verdict is not None
    assert "spec.items[1] takes" in verdict.message


def test_what_is_lost_counts_as_cancelled() -> None:
    status = {"total": 9, "succeeded": 3, "failed": 1, "failedIndexes": "2"}
    assert lost(view(status)) == Counts(9, 0, 0, 3, 1, 5, 0, "2")
    assert lost(view(status, itemCount=10)).cancelled == 6


def test_a_task_that_its_queue_does_not_allow_is_refused() -> None:
    verdict = refusal(view(items=[{}]), QueueRules(allowed=("nothing.*",)))
    assert verdict is not None
    assert (verdict.phase, verdict.reason) == (BatchPhase.FAILED, "TaskNotAllowed")

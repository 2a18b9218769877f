from __future__ import annotations

from penstock.kube import Manifest
from penstock.resources.batch import TaskBatch
from penstock.resources.phase import BatchPhase
from penstock_operator.batches.policy import Counts, Judgement
from penstock_operator.batches.status import batch_status
from penstock_operator.batches.view import BatchView

NOW = 1795255260.0
RUNNING = Judgement(BatchPhase.RUNNING, "Running")
FAILED = Judgement(BatchPhase.FAILED, "FailedItems", "2 items didn't succeed")
COUNTS = Counts(9, 3, 1, 2, 2, 1, 1, "3,4")


def view(status: Manifest | None = None, run: int = 1) -> BatchView:
    meta = {"namespace": "shop", "name": "a", "uid": "u", "generation": 4, "creationTimestamp": "2026-11-21T10:00:00Z"}
    return BatchView.of({"metadata": meta, "spec": {"task": "mail.send", "run": run}, "status": status or {}})


def said(status: Manifest) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def test_what_goes_on() -> None:
    status = batch_status(view(), COUNTS, RUNNING, now=NOW)
    TaskBatch.stored({"metadata": {"name": "a"}, "spec": {"task": "mail.send"}, "status": status})
    assert (status["waiting"], status["active"], status["cancelled"], status["failedIndexes"]) == (3, 1, 1, "3,4")
    assert status["startedAt"] == "2026-11-21T10:01:00.000000Z"
    assert "finishedAt" not in status
    assert said(status) == {
        "Admitted": ("True", "Running"),
        "Finished": ("False", "Running"),
        "Reconciling": ("True", "Running"),
    }


def test_what_has_ended() -> None:
    status = batch_status(view(), COUNTS, FAILED, now=NOW)
    assert (status["waiting"], status["cancelled"], status["finishedAt"]) == (0, 2, "2026-11-21T10:01:00.000000Z")
    conditions = said(status)
    assert conditions["Failed"] == conditions["Stalled"] == conditions["Finished"] == ("True", "FailedItems")
    assert conditions["Complete"] == conditions["Reconciling"] == ("False", "FailedItems")


def test_times_stay_until_something_changes_or_the_next_run_begins() -> None:
    before = batch_status(view(), COUNTS, RUNNING, now=NOW)
    assert batch_status(view(before), COUNTS, RUNNING, now=NOW + 5) == before
    later = batch_status(view(before, run=2), COUNTS, RUNNING, now=NOW + 5)
    assert later["startedAt"] == "2026-11-21T10:01:05.000000Z"

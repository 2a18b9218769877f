from __future__ import annotations

import pytest

from penstock.resources.batch import TaskBatch, TaskBatchSpec

MANIFEST = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "TaskBatch",
    "metadata": {"name": "welcome"},
    "spec": {
        "task": "shop.send_welcome",
        "queue": "emails",
        "items": [{"args": [1], "kwargs": {"locale": "en"}}, {"args": [2]}],
        "parallelism": 10,
        "failurePolicy": {"maxFailures": 3},
        "priority": "low",
        "timeoutSeconds": 2.5,
        "deadlineSeconds": 60.0,
        "retry": {"maxAttempts": 4},
        "suspend": True,
        "cancel": False,
        "run": 2,
        "ttlSecondsAfterFinished": 0,
    },
    "status": {
        "phase": "Failed",
        "observedGeneration": 2,
        "conditions": [],
        "run": 2,
        "total": 9,
        "waiting": 0,
        "active": 0,
        "succeeded": 4,
        "failed": 5,
        "cancelled": 0,
        "failedIndexes": "1,3-5,7",
        "startedAt": "2026-11-21T10:00:00Z",
        "finishedAt": "2026-11-21T10:00:01Z",
    },
}


def spec(**fields: object) -> TaskBatchSpec:
    return TaskBatchSpec.stored({"task": "shop.send_welcome", **fields})


def test_every_field_survives_the_round_trip() -> None:
    assert TaskBatch.stored(MANIFEST).manifest() == MANIFEST


def test_the_queue_is_the_part_before_the_first_dot() -> None:
    assert (spec().queue_name(), spec(queue="emails").queue_name()) == ("shop", "emails")


def test_how_many_items_there_are() -> None:
    assert spec().total is None
    assert spec(itemCount=7).total == 7
    assert spec(items=[{}, {}]).total == 2


@pytest.mark.parametrize(
    ("fields", "tolerance"),
    [
        ({}, None),
        ({"failurePolicy": {"maxFailures": 0}}, 0),
        ({"failurePolicy": {"maxFailureRatio": 0.1}}, None),
        ({"failurePolicy": {"maxFailureRatio": 0.1}, "itemCount": 99}, 9),
        ({"failurePolicy": {"maxFailureRatio": 0}, "itemCount": 99}, 0),
    ],
)
def test_how_many_may_fail(fields: dict[str, object], tolerance: int | None) -> None:
    assert spec(**fields).tolerance == tolerance


def test_outcomes_are_kept_for_a_day_or_as_long_as_the_batch() -> None:
    assert spec(ttlSecondsAfterFinished=5).life == 86400
    assert spec(ttlSecondsAfterFinished=100_000).life == 100_000

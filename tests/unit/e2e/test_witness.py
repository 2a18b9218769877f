"""The witness of the fault tests can tell a kept promise from a broken one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.api import Manifest
from tests.e2e.witness import Evidence, Findings, Record, Sightings, findings

FINISHED = "2026-11-21T10:00:00.500000Z"
FINISHED_AT = 1795255200.5
NOTE = "e2e/u-1 abc"
ENDED = {
    "phase": "Succeeded",
    "run": 1,
    "attempts": 1,
    "worker": "w",
    "finishedAt": FINISHED,
    "result": NOTE,
    "observedGeneration": 1,
}
RECORD = Record("Succeeded", 1, "w", FINISHED_AT, NOTE)
SOUND = Evidence({("u", 1): RECORD}, [NOTE])
OPEN = {"phase": "Running", "run": 1}


def task(status: Manifest, uid: str = "u") -> Manifest:
    return {"metadata": {"uid": uid}, "status": status}


def judged(*statuses: Manifest, evidence: Evidence = SOUND) -> Findings:
    seen = Sightings()
    for status in statuses:
        seen.take(task(status))
    return findings("unit", 1.0, [("u", 1)], seen, evidence)


def test_a_task_that_ends_once_as_recorded_is_sound() -> None:
    found = judged({}, OPEN, ENDED, ENDED)
    assert found.sound
    assert (found.tasks, found.run_again) == (1, 0)


def test_speaking_of_a_later_spec_is_no_second_end() -> None:
    assert judged(ENDED, ENDED | {"observedGeneration": 2, "conditions": [{"type": "Finished"}]}).sound


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "Failed"},
        {"result": "e2e/u-1 other"},
        {"worker": "another"},
        {"finishedAt": "2026-11-21T10:00:01.000000Z"},
    ],
)
def test_a_terminal_status_that_changes_is_a_second_end(change: Manifest) -> None:
    found = judged(ENDED, ENDED | change)
    assert (found.settled_twice, found.sound) == (1, False)


def test_a_terminal_status_that_opens_again_is_a_second_end() -> None:
    assert judged(ENDED, OPEN).settled_twice == 1


def test_two_lists_show_it_too() -> None:
    seen = Sightings()
    seen.replace([task(ENDED)])
    seen.replace([task(ENDED | {"attempts": 2})])
    assert findings("unit", 1.0, [("u", 1)], seen, SOUND).settled_twice == 1


def test_another_run_may_end_otherwise() -> None:
    assert judged(ENDED, ENDED | {"run": 2, "result": "another"}).settled_twice == 0


def test_an_open_task_is_stuck_where_the_broker_knows_it() -> None:
    found = judged(OPEN, evidence=Evidence({("u", 1): Record("Queued")}, []))
    assert (found.stuck, found.lost, found.sound) == (1, 0, False)


def test_an_open_task_is_lost_where_nobody_knows_it() -> None:
    found = judged(OPEN, evidence=Evidence({}, []))
    assert (found.stuck, found.lost, found.sound) == (0, 1, False)


def test_a_task_that_nobody_ever_saw_is_lost() -> None:
    assert judged().lost == 1


def test_a_task_that_vanished_before_its_end_is_lost() -> None:
    seen = Sightings()
    seen.take(task(OPEN))
    seen.gone(task(OPEN))
    assert findings("unit", 1.0, [("u", 1)], seen, SOUND).lost == 1


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, phase="Failed"),
        replace(RECORD, attempts=2),
        replace(RECORD, worker="another"),
        replace(RECORD, finished_at=FINISHED_AT + 0.1),
        replace(RECORD, finished_at=None),
        replace(RECORD, result="e2e/u-1 other"),
    ],
)
def test_a_record_that_says_otherwise_is_a_disagreement(record: Record) -> None:
    found = judged(ENDED, evidence=Evidence({("u", 1): record}, [NOTE]))
    assert (found.disagreed, found.sound) == (1, False)


def test_an_end_without_a_record_is_a_disagreement_unless_the_broker_was_emptied() -> None:
    assert judged(ENDED, evidence=Evidence({}, [NOTE])).disagreed == 1
    assert judged(ENDED, evidence=Evidence({}, [], emptied=True)).sound


def test_what_the_operator_refused_needs_no_record() -> None:
    refused = {"phase": "Failed", "run": 1, "finishedAt": FINISHED}
    found = judged(refused, evidence=Evidence({}, []))
    assert (found.failed, found.disagreed) == (1, 0)


def test_a_result_of_no_execution_is_a_disagreement() -> None:
    assert judged(ENDED, evidence=Evidence({("u", 1): RECORD}, [])).disagreed == 1


def test_a_task_that_should_have_succeeded_and_did_not_is_counted() -> None:
    failed = {**ENDED, "phase": "Failed"}
    found = judged(failed, evidence=Evidence({("u", 1): replace(RECORD, phase="Failed")}, []))
    assert (found.failed, found.disagreed, found.sound) == (1, 0, False)


def test_executions_are_counted() -> None:
    assert judged(ENDED, evidence=replace(SOUND, notes=[NOTE, "e2e/u-1 first"])).run_again == 1

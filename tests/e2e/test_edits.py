"""Edits of a Task's spec: at once, from the next run, or refused; two runs never overlap."""

from __future__ import annotations

import json

import pytest

from tests.e2e.kubectl import Kubectl, Refused
from tests.waiting import wait_sync


def edit(pool: Kubectl, name: str, **spec: object) -> None:
    pool("patch", f"ptask/{name}", "--type=merge", "-p", json.dumps({"spec": spec}))


def observed(pool: Kubectl, name: str) -> None:
    generation = pool.value(f"ptask/{name}", "{.metadata.generation}")
    wait_sync(
        lambda: pool.value(f"ptask/{name}", "{.status.observedGeneration}") == generation, "the edit to be observed"
    )


def test_of_what_waits_they_count_at_once(pool: Kubectl) -> None:
    pool.task("waits", "noop", delaySeconds=3600)
    wait_sync(lambda: pool.phase("waits") == "Queued", "it to be queued")
    edit(pool, "waits", priority="critical", timeoutSeconds=7, retry={"maxAttempts": 9})
    observed(pool, "waits")
    edit(pool, "waits", delaySeconds=None)
    assert pool.finished("waits")["phase"] == "Succeeded"


EDITS = {
    "priority": "high",
    "timeoutSeconds": 5,
    "deadlineSeconds": 500,
    "retry": {"maxAttempts": 2},
    "dependsOn": [{"name": "other"}],
}


@pytest.mark.parametrize("field", EDITS)
def test_of_what_runs_they_are_refused_with_the_remedy(pool: Kubectl, field: str) -> None:
    name = f"runs-{field.lower()}"
    pool.task(name, "slow", 20)
    wait_sync(lambda: pool.phase(name) == "Running", "it to run")
    with pytest.raises(Refused, match=f"spec.{field} can't change once .*: raise spec.run too, or wait for the end"):
        edit(pool, name, **{field: EDITS[field]})
    edit(pool, name, ttlSecondsAfterFinished=60, cancel=True)
    assert pool.finished(name)["phase"] == "Cancelled"


def test_a_run_that_is_asked_for_meanwhile_waits_for_the_end_of_the_one_before(pool: Kubectl) -> None:
    pool.task("again", "stubborn", 3)
    wait_sync(lambda: pool.phase("again") == "Running", "it to run")
    first = pool.value("ptask/again", "{.status.startedAt}")
    edit(pool, "again", run=2, priority="high")
    admitted = '{.status.conditions[?(@.type=="Admitted")].reason}'
    wait_sync(lambda: pool.value("ptask/again", admitted) == "EarlierRun", "it to wait", patience=10)
    status = pool.finished("again")
    assert (status["phase"], status["run"]) == ("Succeeded", 2)
    assert status["startedAt"] > first
    began, ended = status["result"]["before"], status["result"]["began"]
    assert ended >= began, "the second began when the first had ended"


def test_after_the_end_they_are_for_the_next_run(pool: Kubectl) -> None:
    pool.task("ended", "noop")
    pool.finished("ended")
    edit(pool, "ended", timeoutSeconds=9, priority="low")
    observed(pool, "ended")
    assert pool.phase("ended") == "Succeeded"
    edit(pool, "ended", run=2)
    wait_sync(lambda: pool.value("ptask/ended", "{.status.run}") == "2", "the second run")
    assert pool.finished("ended")["phase"] == "Succeeded"

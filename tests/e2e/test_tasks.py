"""One Task on a healthy cluster: from `kubectl apply` to its end."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.e2e.kubectl import Kubectl, Refused
from tests.waiting import wait_sync


def test_a_task_completes(pool: Kubectl) -> None:
    pool.task("add", "add", 1, 2)
    pool("wait", "ptask/add", "--for=condition=Complete", "--timeout=30s")
    status = pool.json("ptask", "add")["status"]
    assert (status["phase"], status["result"], status["attempts"], status["run"]) == ("Succeeded", 3, 1, 1)
    assert status["worker"].startswith("e2e-workers-")
    assert len(status["traceID"]) == 32
    assert status["queuedAt"] <= status["startedAt"] <= status["finishedAt"]
    assert status["observedGeneration"] == 1


@pytest.mark.parametrize(
    "value", [None, 0, "", [], {"a": [None, 1.5]}, 9_007_199_254_740_993], ids=lambda value: repr(value)[:12]
)
def test_results_come_back_as_they_were(pool: Kubectl, value: object) -> None:
    name = f"echo-{abs(hash(repr(value))) % 10**6}"
    pool.task(name, "echo", value)
    status = pool.finished(name)
    assert "result" in status
    assert status["result"] == value


def test_an_error_is_told_on_the_resource(pool: Kubectl) -> None:
    pool.task("broken", "broken", "no such account")
    status = pool.finished("broken")
    assert status["phase"] == "DeadLettered"
    error = status["error"]
    assert (error["type"], error["message"]) == ("ValueError", "no such account")
    assert 'File "/app/tasks.py"' in error["traceback"]
    assert "penstock/worker" not in error["traceback"]
    assert pool("wait", "ptask/broken", "--for=condition=Failed", "--timeout=5s")
    wait_sync(lambda: "DeadLettered" in pool("get", "events"), "the Event about it")


def test_a_failing_task_is_tried_again(pool: Kubectl) -> None:
    pool.task("flaky", "flaky", 2)
    status = pool.finished("flaky")
    assert (status["phase"], status["attempts"], status["result"]) == ("Succeeded", 3, 3)


def test_exhausted_attempts_end_in_the_dead_letters(pool: Kubectl) -> None:
    pool.apply({"apiVersion": "penstock.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "e2e"}})
    pool.task("hopeless", "always_fails")
    status = pool.finished("hopeless")
    assert (status["phase"], status["attempts"]) == ("DeadLettered", 2)
    wait_sync(
        lambda: int(pool.value("pqueue/e2e", "{.status.deadLettered}") or 0) >= 1, "the queue's count of dead letters"
    )


def test_a_running_task_shows_progress_and_can_be_cancelled(pool: Kubectl) -> None:
    pool.task("long", "slow", 60)
    wait_sync(lambda: int(pool.value("ptask/long", "{.status.progress.percent}") or 0) > 0, "progress")
    assert pool.phase("long") == "Running"
    pool("patch", "ptask/long", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    assert pool.finished("long", timeout=5)["phase"] == "Cancelled"


def test_a_running_sync_task_can_be_cancelled(pool: Kubectl) -> None:
    pool.task("long-sync", "slow_sync", 60)
    wait_sync(lambda: pool.phase("long-sync") == "Running", "the task to run")
    pool("patch", "ptask/long-sync", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    assert pool.finished("long-sync", timeout=5)["phase"] == "Cancelled"


def test_a_queued_task_can_be_cancelled(pool: Kubectl) -> None:
    pool.task("nobody", "add", 1, 2, queue="nobody-serves-this")
    wait_sync(lambda: pool.phase("nobody") == "Queued", "the task to be queued")
    pool("patch", "ptask/nobody", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    status = pool.finished("nobody", timeout=5)
    assert (status["phase"], status["attempts"]) == ("Cancelled", 0)


def test_a_delayed_task_waits_for_its_time(pool: Kubectl) -> None:
    pool.task("delayed", "noop", delaySeconds=2)
    status = pool.finished("delayed")
    created = datetime.fromisoformat(pool.value("ptask/delayed", "{.metadata.creationTimestamp}"))
    assert (datetime.fromisoformat(status["startedAt"]) - created).total_seconds() >= 2
    assert status["queueSeconds"] < 1  # it counts from when it was due


def test_a_suspended_task_waits_until_it_is_let_go(pool: Kubectl) -> None:
    pool.task("held", "noop", suspend=True)
    wait_sync(lambda: pool.phase("held") == "Blocked", "the task to be held")
    assert pool.value("ptask/held", '{.status.conditions[?(@.type=="Admitted")].reason}') == "Suspended"
    pool("patch", "ptask/held", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    assert pool.finished("held")["phase"] == "Succeeded"


def test_a_queued_task_can_be_suspended(pool: Kubectl) -> None:
    pool.task("paused", "noop", delaySeconds=10)  # time enough for two kubectls on a busy machine
    wait_sync(lambda: pool.phase("paused") == "Queued", "the task to be queued")
    pool("patch", "ptask/paused", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    wait_sync(lambda: pool.phase("paused") == "Blocked", "the task to be held")
    pool("patch", "ptask/paused", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    assert pool.finished("paused")["phase"] == "Succeeded"


def test_a_deadline_ends_what_nobody_runs(pool: Kubectl) -> None:
    pool.task("late", "noop", queue="nobody-serves-this", deadlineSeconds=1.5)
    status = pool.finished("late")
    assert (status["phase"], status["error"]["type"]) == ("Failed", "DeadlineExceeded")


def test_an_attempt_that_takes_too_long_is_stopped(pool: Kubectl) -> None:
    pool.task("too-slow", "slow", 60, timeoutSeconds=0.3, retry={"maxAttempts": 1})
    status = pool.finished("too-slow")
    assert (status["phase"], status["error"]["type"]) == ("DeadLettered", "TimedOut")


def test_a_finished_task_can_run_again(pool: Kubectl) -> None:
    pool.task("again", "add", 2, 3)
    assert pool.finished("again")["run"] == 1
    pool("patch", "ptask/again", "--type=merge", "-p", '{"spec":{"run":2}}')
    wait_sync(
        lambda: pool.value("ptask/again", "{.status.run} {.status.phase}") == "2 Succeeded", "the second run to end"
    )


def test_a_finished_task_goes_after_its_ttl(pool: Kubectl) -> None:
    pool.task("fleeting", "noop", ttlSecondsAfterFinished=1)
    pool("wait", "ptask/fleeting", "--for=delete", "--timeout=20s")


def test_a_deleted_task_does_not_run(pool: Kubectl) -> None:
    pool.task("gone", "slow", 60)
    wait_sync(lambda: pool.phase("gone") == "Running", "the task to run")
    pool("delete", "ptask/gone", "--timeout=10s")
    pool.apply({"apiVersion": "penstock.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "e2e"}})
    wait_sync(lambda: pool.value("pqueue/e2e", "{.status.inFlight}") == "0", "the worker to stop it", patience=40)


def test_what_ran_with_a_task_may_not_be_changed(pool: Kubectl) -> None:
    pool.task("fixed", "add", 1, 1)
    with pytest.raises(Refused, match=r"spec\.args"):
        pool.task("fixed", "add", 1, 2)


def test_an_oversized_payload_is_refused_with_the_remedy(pool: Kubectl) -> None:
    body = f"""{{"apiVersion": "penstock.dev/v1alpha1", "kind": "Task", "metadata": {{"name": "huge"}},
        "spec": {{"task": "e2e.echo", "args": ["{"x" * 140_000}"]}}}}"""
    pool("create", "-f", "-", stdin=body)
    status = pool.finished("huge")
    assert (status["phase"], status["error"]["type"]) == ("Failed", "PayloadTooLarge")
    assert "pass a reference" in status["error"]["message"]


def test_a_name_that_nobody_knows_is_parked(pool: Kubectl) -> None:
    pool.task("unknown", "not_written_yet")
    path = '{.status.conditions[?(@.type=="Admitted")].reason}'
    wait_sync(lambda: pool.value("ptask/unknown", path) == "Parked", "the task to be parked")
    assert pool.phase("unknown") == "Queued"


def test_a_long_backoff_shows_as_retrying(pool: Kubectl) -> None:
    pool.task(
        "patient", "broken", "not yet", retry={"maxAttempts": 2, "backoff": {"initialSeconds": 30, "jitter": False}}
    )
    wait_sync(lambda: pool.phase("patient") == "Retrying", "the task to wait for its next attempt")
    message = pool.value("ptask/patient", '{.status.conditions[?(@.type=="Reconciling")].message}')
    assert "ValueError: not yet" in message

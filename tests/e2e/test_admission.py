"""What is let onto a queue, when, and what is said where it isn't."""

from __future__ import annotations

import pytest

from tests.e2e.kubectl import Kubectl, Refused
from tests.waiting import wait_sync


def reason(pool: Kubectl, name: str, reason: str) -> None:
    """Wait until the Admitted condition gives that reason."""
    path = '{.status.conditions[?(@.type=="Admitted")].reason}'
    wait_sync(lambda: pool.value(f"ptask/{name}", path) == reason, f"{name} to be {reason}")


def depends(*names: str, on_failure: str = "Cancel") -> list[dict[str, str]]:
    return [{"name": name, "onFailure": on_failure} for name in names]


def test_a_task_runs_after_those_that_it_depends_on(pool: Kubectl) -> None:
    pool.task("last", "add", 1, 2, dependsOn=depends("first", "second"))
    reason(pool, "last", "DependencyMissing")
    pool.task("first", "slow", 2)
    pool.task("second", "noop")
    reason(pool, "last", "DependencyPending")
    status = pool.finished("last")
    assert (status["phase"], status["result"]) == ("Succeeded", 3)
    assert status["startedAt"] >= pool.finished("first")["finishedAt"]


def test_a_failure_cancels_all_behind_it_but_what_may_run(pool: Kubectl) -> None:
    pool.task("behind", "noop", dependsOn=depends("middle"))
    pool.task("all-the-same", "noop", dependsOn=depends("middle", on_failure="Run"))
    pool.task("middle", "noop", dependsOn=depends("fails"))
    pool.task("fails", "broken", "on purpose")
    assert [pool.finished(name)["phase"] for name in ("fails", "middle", "behind", "all-the-same")] == [
        "DeadLettered",
        "Cancelled",
        "Cancelled",
        "Succeeded",
    ]
    assert "Task fails, which ended as DeadLettered" in pool.finished("middle")["error"]["message"]


def test_a_cycle_is_refused(pool: Kubectl) -> None:
    pool.task("hen", "noop", dependsOn=depends("egg"))
    pool.task("egg", "noop", dependsOn=depends("hen"))
    for name in ("hen", "egg"):
        assert pool.finished(name)["error"]["type"] == "DependencyCycle"


def test_a_finished_task_stays_as_long_as_others_depend_on_it(pool: Kubectl) -> None:
    pool.task("needed", "noop", ttlSecondsAfterFinished=0, suspend=True)
    pool.task("needs", "noop", dependsOn=depends("needed"), suspend=True)
    reason(pool, "needs", "Suspended")
    pool("patch", "ptask/needed", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    pool.finished("needed")
    pool("patch", "ptask/needs", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    pool.finished("needs")
    wait_sync(lambda: "needed" not in pool("get", "ptask", "-o", "name").split("/"), "the first to be deleted")


def test_a_queue_takes_what_it_allows(pool: Kubectl) -> None:
    pool.apply(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TaskQueue",
            "metadata": {"name": "choosy"},
            "spec": {"allowedTasks": ["e2e.add", "shop.*"]},
        }
    )
    pool("wait", "pqueue/choosy", "--for=condition=Ready", "--timeout=20s")
    pool.task("not-allowed", "noop", queue="choosy")
    error = pool.finished("not-allowed")["error"]
    assert error["type"] == "TaskNotAllowed"
    assert "e2e.add, shop.*" in error["message"]


def test_kubernetes_own_quota_bounds_a_namespaces_tasks(pool: Kubectl) -> None:
    there = len(pool.json("ptask")["items"])
    pool("create", "quota", "tasks", f"--hard=count/tasks.penstock.dev={there + 1}")
    wait_sync(lambda: pool.value("quota/tasks", "{.status.used}") != "", "the quota to count")
    try:
        pool.task("within", "noop", suspend=True)
        with pytest.raises(Refused, match="exceeded quota: tasks"):
            pool.task("beyond", "noop")
    finally:
        pool("delete", "quota", "tasks")


def test_a_large_result_is_referred_to(pool: Kubectl) -> None:
    pool.task("large", "upto", 10_000)
    status = pool.finished("large")
    assert status["resultRef"].startswith("broker:e2e.")
    assert "result" not in status


def test_a_task_that_is_deleted_while_it_waits_or_runs_goes_at_once(pool: Kubectl) -> None:
    pool.task("running", "slow", 60)
    wait_sync(lambda: pool.phase("running") == "Running", "it to run")
    pool.task("waiting", "noop", delaySeconds=3600)
    wait_sync(lambda: pool.phase("waiting") == "Queued", "it to wait")
    pool("delete", "ptask", "running", "waiting", "--timeout=10s")
    # Its worker is free again: it could not take eight others beside it.
    for number in range(8):
        pool.task(f"after-{number}", "slow", 0.1)
    assert {pool.finished(f"after-{number}")["phase"] for number in range(8)} == {"Succeeded"}

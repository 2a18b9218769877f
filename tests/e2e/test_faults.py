"""Things go down in the middle of work, and nothing is lost."""

from __future__ import annotations

import pytest

from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

# Finds the worker among the pod's processes (the pause container is the first) and kills it.
KILL_WORKER = """
import os, pathlib
for path in pathlib.Path("/proc").glob("[0-9]*"):
    words = (path / "cmdline").read_bytes().split(b"\\0")
    if b"penstock_worker" in words:
        os.kill(int(path.name), 9)
"""


def running(pool: Kubectl, name: str) -> None:
    wait_sync(lambda: pool.phase(name) == "Running", f"{name} to run")


def test_a_killed_workers_task_completes_elsewhere(pool: Kubectl) -> None:
    pool.task("survivor", "slow", 4)
    running(pool, "survivor")
    worker = pool.value("ptask/survivor", "{.status.worker}")
    pool("exec", worker, "--", "python", "-c", KILL_WORKER)
    status = pool.finished("survivor")
    # The lost attempt started the function, so it counts.
    assert (status["phase"], status["attempts"], status["result"]) == ("Succeeded", 2, 2)


@pytest.mark.parametrize("task", ["slow", "slow_sync"])
def test_a_drained_worker_hands_its_task_back(pool: Kubectl, task: str) -> None:
    name = f"handed-back-{task.replace('_', '-')}"
    pool.task(name, task, 10)
    running(pool, name)
    worker = pool.value(f"ptask/{name}", "{.status.worker}")
    pool("delete", "pod", worker, "--wait=false")  # drainSeconds is 5
    status = pool.finished(name)
    assert (status["phase"], status["attempts"]) == ("Succeeded", 1)
    assert status["worker"] != worker


def test_a_drained_worker_finishes_what_fits(pool: Kubectl) -> None:
    pool.task("finished", "slow", 3)
    running(pool, "finished")
    worker = pool.value("ptask/finished", "{.status.worker}")
    pool("delete", "pod", worker, "--wait=false")
    status = pool.finished("finished")
    assert (status["phase"], status["attempts"], status["worker"]) == ("Succeeded", 1, worker)


def test_an_operator_that_goes_away_loses_nothing(pool: Kubectl, system: Kubectl) -> None:
    names = [f"op-{number}" for number in range(30)]
    for name in names[:10]:
        pool.task(name, "slow", 1)
    system("delete", "pod", "-l", "app.kubernetes.io/component=operator", "--grace-period=0", "--force")
    for name in names[10:]:
        pool.task(name, "slow", 0.5)
    for name in names:
        assert pool.finished(name)["phase"] == "Succeeded"


def test_a_redis_that_comes_back_empty_loses_no_task(pool: Kubectl, system: Kubectl) -> None:
    pool.task("delayed-over-it", "noop", delaySeconds=8)
    for number in range(10):
        pool.task(f"over-it-{number}", "slow", 3)
    running(pool, "over-it-0")
    # It has no persistence here: its pod's end empties it.
    system("delete", "pod", "-l", "app.kubernetes.io/component=redis", "--grace-period=0", "--force")
    for number in range(5):
        pool.task(f"during-it-{number}", "add", number, 1)
    for name in [*(f"over-it-{n}" for n in range(10)), *(f"during-it-{n}" for n in range(5)), "delayed-over-it"]:
        assert pool.finished(name)["phase"] == "Succeeded", name

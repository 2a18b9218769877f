"""What a queue's settings, pods of several processes and tasks in processes of their own come to on a cluster."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import make_pool
from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

PROCESSES = 2


@pytest.fixture(scope="module")
def pods(namespace: Kubectl) -> Kubectl:
    """A pool whose pods run two worker processes each."""
    make_pool(namespace, processes=PROCESSES, maxReplicas=1)
    namespace("wait", "ppool/e2e", "--for=condition=Ready", "--timeout=60s")
    wait_sync(lambda: namespace.value("ppool/e2e", "{.status.readyReplicas}") == "1", "the first pod")
    namespace("rollout", "status", "deploy/e2e-workers", "--timeout=60s")
    return namespace


@pytest.fixture
def settings(pods: Kubectl) -> Iterator[Kubectl]:
    yield pods
    pods("delete", "pqueue", "--all")


def patch(namespace: Kubectl, what: str, **spec: object) -> None:
    namespace("patch", what, "--type=merge", "-p", json.dumps({"spec": spec}))


def queue(namespace: Kubectl, **spec: object) -> None:
    """Settings of the queue, once the operator has published them."""
    kind = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "e2e"}, "spec": spec}
    namespace.apply(kind)
    path = "{.metadata.generation} {.status.observedGeneration}"
    wait_sync(lambda: len(set(namespace.value("pqueue/e2e", path).split())) == 1, "the settings to be published")


def started(status: dict[str, Any]) -> str:
    return str(status["startedAt"])


def test_a_pod_works_with_all_its_processes(pods: Kubectl) -> None:
    for number in range(16):  # each takes eight at a time
        pods.task(f"who-{number}", "whoami", 1)
    pids = {pods.finished(f"who-{number}")["result"] for number in range(16)}
    assert len(pids) == PROCESSES


def test_a_process_that_dies_is_replaced_within_its_pod(pods: Kubectl) -> None:
    pods.task("survivor", "slow", 3)
    wait_sync(lambda: pods.phase("survivor") == "Running", "the task to run")
    pod = pods.value("ptask/survivor", "{.status.worker}")
    pods("exec", pod, "--", "python", "-c", KILL_WORKERS_CHILDREN)
    assert pods.finished("survivor")["phase"] == "Succeeded"
    path = "{.status.containerStatuses[?(@.name=='worker')].restartCount}"
    assert pods.value(f"pod/{pod}", path) == "0"
    pods("wait", f"pod/{pod}", "--for=condition=Ready", "--timeout=30s")


# The supervisor has worker processes for children: those that have a worker for a parent.
KILL_WORKERS_CHILDREN = """
import os, pathlib
words = {int(path.name): (path / "cmdline").read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*")}
workers = {pid for pid in words if b"penstock_worker" in words[pid]}
for pid in workers:
    parent = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    if parent in workers:
        os.kill(pid, 9)
"""


def test_a_task_in_a_process_of_its_own(pods: Kubectl) -> None:
    pods.task("apart", "add_apart", 2, 3)
    assert pods.finished("apart")["result"][0] == 5


def test_one_that_takes_its_process_down_harms_nobody_and_ends_in_the_dead_letters(pods: Kubectl) -> None:
    pods.task("neighbour", "slow", 2)
    pods.task("dies", "dies")
    status = pods.finished("dies")
    assert (status["phase"], status["error"]["type"]) == ("DeadLettered", "WorkerCrashed")
    assert pods.finished("neighbour")["attempts"] == 1


def test_no_more_run_at_once_than_the_queue_allows(settings: Kubectl) -> None:
    queue(settings, concurrency={"max": 1})
    names = [f"single-{number}" for number in range(4)]
    for name in names:
        settings.task(name, "slow", 1)
    found = sorted((settings.finished(name) for name in names), key=started)
    for earlier, later in itertools.pairwise(found):
        assert later["startedAt"] >= earlier["finishedAt"]


def test_a_paused_queue_starts_nothing(settings: Kubectl) -> None:
    queue(settings, paused=True)
    settings.task("held", "noop")
    wait_sync(lambda: settings.phase("held") == "Queued", "the task to be queued")
    wait_sync(lambda: settings.value("pqueue/e2e", "{.status.depth}") == "1", "the queue's depth")
    assert settings.phase("held") == "Queued"
    queue(settings, paused=False)
    assert settings.finished("held")["phase"] == "Succeeded"


def test_a_full_queue_refuses_with_a_reason(settings: Kubectl) -> None:
    queue(settings, paused=True, maxDepth=1)
    settings.task("fits", "noop")
    wait_sync(lambda: settings.phase("fits") == "Queued", "the first task to be queued")
    settings.task("too-many", "noop")
    status = settings.finished("too-many")
    assert (status["phase"], status["error"]["type"]) == ("Failed", "QueueFull")
    queue(settings, paused=False)
    assert settings.finished("fits")["phase"] == "Succeeded"

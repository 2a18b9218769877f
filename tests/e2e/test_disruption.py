"""Workers are evicted, drained and lost: budgets are kept, and work moves on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.e2e.conftest import make_pool
from tests.e2e.kubectl import Kubectl, Refused
from tests.e2e.node import Node
from tests.waiting import wait_sync

BUDGET = "pdb/e2e-workers"
DRAIN_SECONDS = 5  # of make_pool
MARKS = ("cluster-autoscaler.kubernetes.io/safe-to-evict", "karpenter.sh/do-not-disrupt")


def patch(pool: Kubectl, **spec: object) -> None:
    pool("patch", "ppool/e2e", "--type=merge", "-p", json.dumps({"spec": spec}))


def evict(pool: Kubectl, pod: str) -> str:
    """As `kubectl drain` does. Raises Refused."""
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": pool.namespace},
    }
    path = f"/api/v1/namespaces/{pool.namespace}/pods/{pod}/eviction"
    return pool("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def workers(pool: Kubectl) -> list[str]:
    """The ready ones."""
    found = pool.json("pods", "-l", "penstock.dev/pool=e2e")["items"]
    return [pod["metadata"]["name"] for pod in found if _ready(pod) and "deletionTimestamp" not in pod["metadata"]]


def _ready(pod: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def moment(value: str) -> float:
    return datetime.fromisoformat(value).timestamp()


@pytest.fixture(scope="module")
def pool(namespace: Kubectl) -> Kubectl:
    """A pool of two workers at least."""
    make_pool(namespace, minReplicas=2, maxReplicas=4)
    wait_sync(lambda: len(workers(namespace)) == 2, "two workers", patience=60)
    return namespace


@pytest.fixture
def budget(pool: Kubectl) -> Iterator[Kubectl]:
    """The same with a budget that keeps two of them."""
    patch(pool, disruption={"budget": {"minAvailable": 2}})
    wait_sync(lambda: "e2e-workers" in pool("get", "pdb", "-o", "name"), "the pool's budget")
    yield pool
    patch(pool, disruption={"budget": None})
    wait_sync(lambda: not pool("get", "pdb", "-o", "name"), "the budget to go")


def running(pool: Kubectl, name: str) -> str:
    """Where a Task runs, once it does."""
    wait_sync(lambda: pool.phase(name) == "Running", f"{name} to run")
    return pool.value(f"ptask/{name}", "{.status.worker}")


def test_an_eviction_beyond_the_budget_is_refused_until_there_are_more_workers(budget: Kubectl) -> None:
    wait_sync(lambda: budget.value(BUDGET, "{.status.currentHealthy}") == "2", "the budget to count two workers")
    with pytest.raises(Refused, match="disruption budget"):
        evict(budget, workers(budget)[0])
    patch(budget, autoscaling={"minReplicas": 3})
    wait_sync(lambda: budget.value(BUDGET, "{.status.disruptionsAllowed}") == "1", "a third worker", patience=60)
    evict(budget, workers(budget)[0])
    with pytest.raises(Refused, match="disruption budget"):
        evict(budget, workers(budget)[0])
    patch(budget, autoscaling={"minReplicas": 2})
    wait_sync(lambda: len(workers(budget)) == 2, "two workers", patience=60)


def test_a_changed_budget_reaches_the_cluster(budget: Kubectl) -> None:
    patch(budget, disruption={"budget": {"minAvailable": None, "maxUnavailable": "50%"}})
    wait_sync(lambda: budget.value(BUDGET, "{.spec.maxUnavailable}") == "50%", "the changed budget")
    wait_sync(lambda: budget.value(BUDGET, "{.status.disruptionsAllowed}") == "1", "one of two that may go")


def test_somebody_elses_budget_of_the_same_name_is_named_on_the_pool(pool: Kubectl) -> None:
    pool("create", "pdb", "e2e-workers", "--selector=app=other", "--max-unavailable=1")
    patch(pool, disruption={"budget": {"minAvailable": 1}})
    said = '{.status.conditions[?(@.type=="Ready")].message}'
    wait_sync(lambda: "isn't the pool's" in pool.value("ppool/e2e", said), "the pool to name it")
    patch(pool, disruption={"budget": None})
    wait_sync(lambda: "isn't the pool's" not in pool.value("ppool/e2e", said), "the pool to be well")
    assert pool.value(BUDGET, "{.spec.maxUnavailable}") == "1"
    pool("delete", BUDGET)


def test_an_evicted_worker_hands_back_at_once_what_it_cannot_finish(pool: Kubectl) -> None:
    pool.task("moved", "slow", 2 * DRAIN_SECONDS)
    worker = running(pool, "moved")
    evict(pool, worker)
    told = moment(pool.value(f"pod/{worker}", "{.metadata.deletionTimestamp}"))
    grace = int(pool.value(f"pod/{worker}", "{.metadata.deletionGracePeriodSeconds}"))
    status = pool.finished("moved")
    assert (status["phase"], status["attempts"], status["worker"] != worker) == ("Succeeded", 1, True)
    again = moment(status["startedAt"]) - (told - grace)
    assert DRAIN_SECONDS <= again + 1 <= DRAIN_SECONDS + 4, "at once, not when a lease ran out"


def test_no_crash_is_counted_for_it(pool: Kubectl) -> None:
    """Of which the queue allows none here."""
    kind = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "e2e"}}
    pool.apply({**kind, "spec": {"maxCrashes": 1}})
    for number in range(2):
        pool.task(f"uncounted-{number}", "slow", DRAIN_SECONDS + 2)
        evict(pool, running(pool, f"uncounted-{number}"))
        assert pool.finished(f"uncounted-{number}")["attempts"] == 1
        wait_sync(lambda: len(workers(pool)) == 2, "two workers", patience=60)
    pool("delete", "pqueue/e2e")


def test_a_worker_that_is_lost_costs_its_tasks_the_lease(pool: Kubectl, node: Node) -> None:
    """Its pod is gone for the API server, and its processes were killed: nobody handed anything back."""
    pool.task("lost", "slow", 4)
    worker = running(pool, "lost")
    uid = pool.value(f"pod/{worker}", "{.metadata.uid}")
    assert node.kill(uid)
    pool("delete", "pod", worker, "--force", "--grace-period=0")
    status = pool.finished("lost")
    assert (status["phase"], status["attempts"], status["worker"] != worker) == ("Succeeded", 2, True)


def test_busy_workers_carry_marks_and_idle_ones_do_not(pool: Kubectl) -> None:
    patch(pool, disruption={"protectBusy": True})
    pool.task("long", "slow", 8)
    worker = running(pool, "long")

    def marks(pod: str) -> list[str]:
        return [mark for mark in MARKS if mark in pool.json("pod", pod)["metadata"].get("annotations", {})]

    wait_sync(lambda: marks(worker) == list(MARKS), "the marks of the busy worker")
    assert [pod for pod in workers(pool) if marks(pod)] == [worker]
    pool.finished("long")
    wait_sync(lambda: not marks(worker), "the marks to go")
    patch(pool, disruption={"protectBusy": False})

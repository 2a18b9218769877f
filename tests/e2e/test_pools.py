"""Pools: from zero to several workers and back, and what they say of it."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conftest import make_pool
from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync


@pytest.fixture(scope="module")
def sleeper(namespace: Kubectl) -> Kubectl:
    """A pool that may sleep."""
    make_pool(namespace, minReplicas=0, target={"backlogPerReplica": 4})
    namespace("wait", "ppool/e2e", "--for=condition=Ready", "--timeout=30s")
    return namespace


def replicas(pool: Kubectl) -> str:
    return pool.value("deploy/e2e-workers", "{.spec.replicas}")


def test_from_zero_to_several_and_back(sleeper: Kubectl) -> None:
    assert replicas(sleeper) == "0"
    for number in range(12):
        sleeper.task(f"burst-{number}", "slow", 4)
    wait_sync(lambda: replicas(sleeper) == "3", "three workers for twelve tasks")
    assert sleeper.value("ppool/e2e", "{.status.decision.reason}") in ("Backlog", "WorkInFlight")
    for number in range(12):
        assert sleeper.finished(f"burst-{number}")["attempts"] == 1
    wait_sync(lambda: replicas(sleeper) == "0", "the pool to go to sleep")
    assert sleeper.value("ppool/e2e", "{.status.decision.reason}") == "Idle"
    assert "ScaledOut" in sleeper("get", "events")


def test_wakes_up_at_once(sleeper: Kubectl) -> None:
    wait_sync(lambda: replicas(sleeper) == "0", "the pool to be asleep")
    sleeper.task("wake", "noop")
    before = time.monotonic()
    wait_sync(lambda: replicas(sleeper) == "1", "the first worker to be asked for")
    assert time.monotonic() - before < 2
    sleeper.finished("wake")


def test_no_worker_goes_while_work_is_in_flight(sleeper: Kubectl) -> None:
    wait_sync(lambda: replicas(sleeper) == "0", "the pool to be asleep")
    for number in range(9):
        sleeper.task(f"mixed-{number}", "slow", 8 if number == 0 else 0.1)
    status = sleeper.finished("mixed-0")
    assert status["attempts"] == 1


def test_a_template_that_cannot_be_is_told_on_the_pool(namespace: Kubectl) -> None:
    spec = {"app": "tasks:app", "template": {"spec": {"containers": [{"name": "Not A Name", "image": "x"}]}}}
    namespace.apply(
        {"apiVersion": "penstock.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "odd"}, "spec": spec}
    )
    path = '{.status.conditions[?(@.type=="Ready")].reason}'
    wait_sync(lambda: namespace.value("ppool/odd", path) == "DeploymentRefused", "the API server's complaint")
    assert "Not A Name" in namespace.value("ppool/odd", '{.status.conditions[?(@.type=="Ready")].message}')


def test_scale_writes_what_counts_without_autoscaling(namespace: Kubectl) -> None:
    spec = {"app": "tasks:app", "autoscaling": {"mode": "Off"}, "replicas": 0, "source": {"configMap": "e2e"}}
    namespace.apply(
        {"apiVersion": "penstock.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "fixed"}, "spec": spec}
    )
    wait_sync(lambda: "fixed-workers" in namespace("get", "deploy", "-o", "name"), "the pool's Deployment")
    namespace("scale", "ppool/fixed", "--replicas=1")
    wait_sync(lambda: namespace.value("deploy/fixed-workers", "{.spec.replicas}") == "1", "one worker")
    namespace("delete", "ppool/fixed")


def test_a_deleted_deployment_comes_back(sleeper: Kubectl) -> None:
    uid = sleeper.value("deploy/e2e-workers", "{.metadata.uid}")
    sleeper("delete", "deploy/e2e-workers")
    wait_sync(
        lambda: (
            "e2e-workers" in sleeper("get", "deploy", "-o", "name")
            and sleeper.value("deploy/e2e-workers", "{.metadata.uid}") != uid
        ),
        "a new Deployment",
    )

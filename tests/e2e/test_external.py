"""A pool whose count others decide: /scale, the operator's signals through the API server's proxy, metrics, and the
explanation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.explanation import path
from tests.e2e.conftest import SYSTEM, make_pool
from tests.e2e.kubectl import Kubectl, Refused
from tests.waiting import wait_sync

SERVICE = "penstock-operator"
PROXY = f"/api/v1/namespaces/{SYSTEM}/services/{SERVICE}:api/proxy"
COMMAND_SECONDS = 60


@pytest.fixture(scope="module")
def external(namespace: Kubectl) -> Kubectl:
    """A pool that starts with one worker, as spec.replicas says by default."""
    make_pool(namespace, mode="External", target={"backlogPerReplica": 2})
    wait_sync(lambda: ready(namespace) == "1", "the first worker")
    return namespace


def ready(pool: Kubectl) -> str:
    return pool.value("ppool/e2e", "{.status.readyReplicas}")


def scale(pool: Kubectl, replicas: int) -> None:
    pool("scale", "ppool/e2e", f"--replicas={replicas}")


def pods(pool: Kubectl) -> set[str]:
    found = pool.json("pods", "-l", pool.value("ppool/e2e", "{.status.selector}"))["items"]
    return {pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]}


def asked(pool: Kubectl, way: str) -> Any:
    return json.loads(pool("get", "--raw", f"{PROXY}{way}"))


def signals(pool: Kubectl) -> dict[str, float]:
    """As KEDA's metrics-api scaler reads them: a number wherever `valueLocation` points."""
    found = asked(pool, f"{path(pool.namespace, 'e2e')}/signals")
    assert all(isinstance(figure, int | float) for figure in found.values()), found
    return dict(found)


def explained(pool: Kubectl, *arguments: str) -> str:
    command = [sys.executable, "-m", "penstock.cli", "pool", "explain", "e2e", "-n", pool.namespace, *arguments]
    environment = {**os.environ, "KUBECONFIG": pool.kubeconfig, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", timeout=COMMAND_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubectl_scale_is_obeyed(external: Kubectl) -> None:
    scale(external, 2)
    wait_sync(lambda: ready(external) == "2", "two workers")
    assert external.value("ppool/e2e", "{.status.decision.reason}") == "ModeExternal"


def test_the_scale_subresource_says_what_an_autoscaler_needs_and_takes_what_it_writes(external: Kubectl) -> None:
    way = f"/apis/penstock.dev/v1alpha1/namespaces/{external.namespace}/workerpools/e2e/scale"
    found = json.loads(external("get", "--raw", way))
    wait_sync(lambda: len(pods(external)) == 2, "two pods")
    assert (found["kind"], found["spec"]["replicas"], found["status"]["replicas"]) == ("Scale", 2, 2)
    chosen = external.json("pods", "-l", found["status"]["selector"])["items"]
    assert {pod["metadata"]["name"] for pod in chosen} == pods(external)
    external("replace", "--raw", way, "-f", "-", stdin=json.dumps({**found, "spec": {"replicas": 1}}))
    wait_sync(lambda: len(pods(external)) == 1, "one pod")


def test_the_signals_tell_what_the_queue_holds_and_what_penstock_would_do(external: Kubectl) -> None:
    before = signals(external)
    assert (before["backlog"], before["busy"], before["replicas"]) == (0, 0, 1)
    for number in range(6):
        external.task(f"signal-{number}", "slow", 6)
    wait_sync(lambda: signals(external)["backlog"] == 6, "six tasks")
    wait_sync(lambda: signals(external)["desiredReplicas"] == 3, "what mode Auto would choose")
    assert signals(external)["replicas"] == 1, "but that isn't for Penstock to decide"
    for number in range(6):
        external.finished(f"signal-{number}")
    wait_sync(lambda: signals(external)["backlog"] == 0, "the end of it")


def test_another_scalers_step_down_takes_the_idle_worker(external: Kubectl) -> None:
    scale(external, 2)
    wait_sync(lambda: ready(external) == "2", "two workers")
    external.task("held", "slow", 15)
    wait_sync(lambda: external.phase("held") == "Running", "the task to run")
    busy = external.value("ptask/held", "{.status.worker}")
    scale(external, 1)
    wait_sync(lambda: pods(external) == {busy}, "the other one to go")
    task = external.finished("held")
    assert (task["phase"], task["attempts"], task["worker"]) == ("Succeeded", 1, busy)


def test_what_is_not_there_is_told(external: Kubectl) -> None:
    with pytest.raises(Refused, match=r"NotFound|NoSuchPool|not find"):
        external("get", "--raw", f"{PROXY}{path(external.namespace, 'nobody')}/signals")


def test_prometheus_reads_the_same(external: Kubectl) -> None:
    page = external("get", "--raw", f"{PROXY}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert [sample.value for sample in families["penstock_operator_leading"].samples] == [1.0]
    labels = {"k8s_namespace_name": external.namespace, "penstock_pool": "e2e"}
    for name in ("replicas", "replicas_desired", "replicas_ready", "replicas_busy", "backlog", "waiting_tasks"):
        found = [one for one in families[f"penstock_pool_{name}"].samples if labels.items() <= one.labels.items()]
        assert len(found) == 1, name
    queue = {"k8s_namespace_name": external.namespace, "messaging_destination_name": "e2e"}
    assert any(queue.items() <= one.labels.items() for one in families["penstock_queue_waiting_tasks"].samples)


def test_the_explanation_has_words_and_a_chart(external: Kubectl) -> None:
    text = explained(external, "--minutes", "10")
    for said in ("ModeExternal", "whoever writes /scale decides", "Conditions", "ScaledOut", "10 min ago", "█"):
        assert said in text
    assert "Operator" not in text, "nothing was missing"
    told = json.loads(explained(external, "--output", "json"))["operator"]
    assert (told["mode"], told["queues"]) == ("External", ["e2e"])
    assert any(change["to"] == 2 for change in told["timeline"]["changes"])


def test_without_the_operator_the_rest_is_explained(external: Kubectl) -> None:
    text = explained(external, "--service", "nobody")
    assert "--system-namespace and --service name another" in text
    assert "ModeExternal" in text


def test_readers_may_read_that_service_and_nothing_else(external: Kubectl) -> None:
    system, reader = external.within(SYSTEM), f"reader-{external.namespace}"

    def may(service: str) -> bool:
        try:
            return system("auth", "can-i", "get", f"services/{service}", "--subresource=proxy", f"--as={reader}") != ""
        except Refused:
            return False  # kubectl says no by its exit code

    assert not may(f"{SERVICE}:api")
    system("create", "rolebinding", reader, "--role=penstock-signals-reader", f"--user={reader}")
    try:
        wait_sync(lambda: may(f"{SERVICE}:api"), "the right to count")
        assert not may("penstock-redis:6379")
    finally:
        system("delete", "rolebinding", reader)


def test_the_service_leads_to_the_leader_alone(external: Kubectl) -> None:
    system = external.within(SYSTEM)
    holder = system.value(f"lease/{SERVICE}", "{.spec.holderIdentity}").partition("_")[0]
    labelled = system.json("pods", "-l", f"penstock.dev/leader={SERVICE}")["items"]
    assert [pod["metadata"]["name"] for pod in labelled] == [holder]

"""Whatever keeps tasks from running stands on the pool, and on the Tasks that wait for it, within a quarter of a
minute."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

SECONDS = 15
READY = '{.status.conditions[?(@.type=="Ready")].message}'
ADMITTED = '{.status.conditions[?(@.type=="Admitted")].message}'
WORKER: dict[str, Any] = {"name": "worker"}


def pool(namespace: Kubectl, name: str, *, source: str | None = None, **spec: object) -> None:
    """A pool of one worker, for a queue of its own."""
    spec = {"app": "tasks:app", "queues": [name], "autoscaling": {"minReplicas": 1, "maxReplicas": 1}, **spec}
    if source is not None:
        spec["source"] = {"configMap": source}
    kind = {"apiVersion": "penstock.dev/v1alpha1", "kind": "WorkerPool"}
    namespace.apply({**kind, "metadata": {"name": name}, "spec": spec})


def says(namespace: Kubectl, what: str, path: str, *words: str, patience: float = SECONDS) -> str:
    """Wait until all of the words are in what it says."""
    found = [""]

    def told() -> bool:
        found[0] = namespace.value(what, path)
        return all(word in found[0] for word in words)

    try:
        wait_sync(told, f"{what} to say {words}", patience=patience)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {found[0]!r}") from None
    return found[0]


BROKEN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no-field": ({"template": {"spec": {"tolerationz": []}}}, ("spec.template.spec.tolerationz", "field not declared")),
    "no-text": (
        {"template": {"spec": {"containers": [WORKER | {"env": [{"name": "A", "value": 1}]}]}}},
        ("spec.template.spec.containers", "value"),
    ),
    "no-image": ({"image": "registry.invalid/no/such:1"}, ("registry.invalid/no/such:1",)),
    "no-priority": ({"template": {"spec": {"priorityClassName": "no-such-class"}}}, ("no-such-class",)),
    "no-volume": (
        {"template": {"spec": {"volumes": [{"name": "x", "configMap": {"name": "missing"}}], "containers": [
            WORKER | {"volumeMounts": [{"name": "x", "mountPath": "/x"}]}]}}},
        ("FailedMount", "missing"),
    ),
    "no-variable": (
        {"template": {"spec": {"containers": [WORKER | {"env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "missing", "key": "x"}}}]}]}}},
        ("CreateContainerConfigError", "missing"),
    ),
    "no-app": ({"app": "nowhere:app"}, ("its log ends with", "nowhere")),
    "no-room": (
        {"template": {"spec": {"containers": [WORKER | {"resources": {"requests": {"cpu": "900"}}}]}}},
        ("Insufficient cpu",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_keeps_workers_from_starting(namespace: Kubectl, name: str) -> None:
    spec, words = BROKEN[name]
    pool(namespace, name, **spec)
    namespace.task(name, "noop", queue=name)
    # A kubelet retries a mount for some seconds before it says so; an application fails after it was imported.
    patience = 3 * SECONDS if name in ("no-volume", "no-app", "no-image") else SECONDS
    says(namespace, f"ppool/{name}", READY, *words, patience=patience)
    says(namespace, f"ptask/{name}", ADMITTED, f"WorkerPool {name}: ", *words)
    namespace("delete", f"ppool/{name}", "--wait=false")


def test_a_quota_that_keeps_a_namespace_from_being_prepared(cluster: Kubectl) -> None:
    cluster("create", "namespace", "no-quota")
    tight = cluster.within("no-quota")
    try:
        tight("create", "quota", "tight", "--hard=count/rolebindings.rbac.authorization.k8s.io=0")
        wait_sync(lambda: tight.value("quota/tight", "{.status.hard}"), "the quota to hold")
        pool(tight, "tight")
        says(tight, "ppool/tight", READY, "exceeded quota: tight")
        tight("delete", "quota", "tight")
        wait_sync(lambda: "quota" not in tight.value("ppool/tight", READY), "it to be tried again", patience=60)
    finally:
        cluster("delete", "namespace", "no-quota", "--timeout=90s")


def test_a_queue_that_nobody_serves(namespace: Kubectl) -> None:
    namespace.apply(
        {"apiVersion": "penstock.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "hunting"}, "spec": {}}
    )
    namespace.task("misspelt", "noop", queue="huntign")
    says(namespace, "ptask/misspelt", ADMITTED, "no WorkerPool of this namespace serves it: did you mean hunting?")


def test_a_paused_queue(namespace: Kubectl) -> None:
    queue = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "resting"}}
    namespace.apply({**queue, "spec": {"paused": True}})
    namespace.task("waits", "noop", queue="resting")
    says(namespace, "ptask/waits", ADMITTED, "TaskQueue resting is paused: set its spec.paused to false")
    namespace("patch", "pqueue/resting", "--type=merge", "-p", json.dumps({"spec": {"paused": False}}))
    says(namespace, "ptask/waits", ADMITTED, "no WorkerPool of this namespace serves it")

"""Objects that can't be understood, as hostile or careless people write them: each is told what is wrong, and stops
nobody else's."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.api import API_VERSION, Tasks
from tests.e2e.kubectl import Kubectl
from tests.e2e.operator_pods import OperatorPods
from tests.waiting import wait_sync

SECONDS = 10  # by which it has to be told
DEEP = (150, 300, 1_100, 9_000)
KINDS = {"Task": "tasks", "TaskBatch": "taskbatches", "TaskQueue": "taskqueues", "WorkerPool": "workerpools"}


@dataclass(frozen=True)
class Raw:
    """The API server, for bodies that neither kubectl nor Python's JSON can write."""

    port: int
    kubectl: Kubectl

    def create(self, kind: str, name: str, spec: str) -> None:
        """Create one; `spec` is JSON."""
        head = f'"apiVersion": "{API_VERSION}", "kind": "{kind}", "metadata": {{"name": "{name}"}}'
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            path = f"/apis/{API_VERSION}/namespaces/{self.kubectl.namespace}/{KINDS[kind]}"
            connection.request("POST", path, f'{{{head}, "spec": {spec}}}', {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == http.client.CREATED, answer.read()[:500]
        finally:
            connection.close()

    def status(self, kind: str, name: str) -> dict[str, Any]:
        """What its status says."""
        said = self.kubectl.value(f"{KINDS[kind]}.penstock.dev/{name}", "{.status}")
        return dict(json.loads(said or "{}"))


@pytest.fixture(scope="module")
def raw(namespace: Kubectl, proxied: int) -> Raw:
    return Raw(proxied, namespace)


@pytest.fixture(scope="module")
def neighbour(cluster: Kubectl, proxied: int) -> Iterator[Tasks]:
    """Another namespace, whose Tasks go on. They wait for a worker that never comes: the operator alone is asked."""
    name = "hostile-neighbour"
    cluster("create", "namespace", name)
    yield Tasks(proxied, name)
    cluster("delete", "namespace", name, "--timeout=90s")


@pytest.fixture(scope="module", autouse=True)
def unharmed(system: Kubectl) -> Iterator[None]:
    """No operator may be restarted by any of it."""
    operator = OperatorPods(system)
    before = operator.restarts()
    yield
    assert operator.restarts() == before


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def told(raw: Raw, kind: str, name: str) -> dict[str, Any]:
    """The condition that says what is wrong."""

    def conditions() -> list[dict[str, Any]]:
        return [one for one in raw.status(kind, name).get("conditions", ()) if one["reason"] == "InvalidSpec"]

    began = time.monotonic()
    wait_sync(conditions, f"{kind} {name} to be told", patience=SECONDS)
    assert time.monotonic() - began < SECONDS
    return conditions()[0]


def goes_on(neighbour: Tasks, name: str) -> None:
    """The operator still sees to another namespace's Tasks."""
    neighbour.create(name, {"task": "e2e.noop", "suspend": True})
    wait_sync(lambda: neighbour.get(name)["status"]["phase"] == "Blocked", "the neighbour's Task", patience=SECONDS)


@pytest.mark.parametrize("levels", DEEP)
def test_arguments_that_are_nested_deep(raw: Raw, neighbour: Tasks, operator: OperatorPods, levels: int) -> None:
    raw.create("Task", f"deep-{levels}", f'{{"task": "e2e.noop", "args": [{nested(levels)}]}}')
    message = told(raw, "Task", f"deep-{levels}")["message"]
    assert "pass a reference instead" in message
    assert raw.status("Task", f"deep-{levels}")["phase"] == "Failed"
    goes_on(neighbour, f"task-{levels}")


@pytest.mark.parametrize("levels", DEEP)
def test_keyword_arguments_too(raw: Raw, neighbour: Tasks, operator: OperatorPods, levels: int) -> None:
    """Maps are noted by the API server in the fields' owners, level by level."""
    value = '{"a": ' * levels + "1" + "}" * levels
    raw.create("Task", f"map-{levels}", f'{{"task": "e2e.noop", "kwargs": {value}}}')
    assert "pass a reference instead" in told(raw, "Task", f"map-{levels}")["message"]
    goes_on(neighbour, f"map-{levels}")


@pytest.mark.parametrize("levels", DEEP)
def test_items_of_batches(raw: Raw, neighbour: Tasks, operator: OperatorPods, levels: int) -> None:
    raw.create("TaskBatch", f"deep-{levels}", f'{{"task": "e2e.noop", "items": [{{"args": [{nested(levels)}]}}]}}')
    assert "pass a reference instead" in told(raw, "TaskBatch", f"deep-{levels}")["message"]
    assert raw.status("TaskBatch", f"deep-{levels}")["phase"] == "Failed"
    goes_on(neighbour, f"batch-{levels}")


@pytest.mark.parametrize("levels", DEEP[2:])
def test_templates_of_pools(raw: Raw, neighbour: Tasks, operator: OperatorPods, levels: int) -> None:
    raw.create("WorkerPool", f"deep-{levels}", f'{{"app": "tasks:app", "template": {{"spec": {nested(levels)}}}}}')
    assert "nested too deep" in told(raw, "WorkerPool", f"deep-{levels}")["message"]
    goes_on(neighbour, f"pool-{levels}")


DATES = {
    "no-zone": "2026-11-01T09:00:00+99:99",
    "no-year": "0000-01-01T00:00:00Z",
    "too-late": "9999-12-31T23:59:59-14:00",
}


@pytest.mark.parametrize("date", DATES)
def test_odd_dates(raw: Raw, namespace: Kubectl, neighbour: Tasks, operator: OperatorPods, date: str) -> None:
    raw.create("Task", date, json.dumps({"task": "e2e.noop", "notBefore": DATES[date]}))
    assert told(raw, "Task", date)["message"].startswith("InvalidSpec: spec.notBefore: ")
    goes_on(neighbour, f"date-{date}")
    namespace("delete", "ptask", date, "--timeout=10s")

"""Mutated manifests, through the real CRDs, into one namespace: each that is let in is answered, and the Tasks of
another namespace end as fast as before."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from tests.e2e.api import API_VERSION, Tasks
from tests.e2e.conftest import make_pool
from tests.e2e.kubectl import Kubectl
from tests.e2e.mutations import KINDS, mutated
from tests.e2e.operator_pods import OperatorPods
from tests.waiting import wait_sync

FULL = os.environ.get("PENSTOCK_FAULTS") == "full"
MUTANTS = 1_000 if FULL else 150
TASKS, ROUNDS = 200, 3
SECONDS = 10  # by which each is answered
# Of the rate before. The machine is busy with other things in a short run.
LEAST = 0.9 if FULL else 0.5
SEED = int(os.environ.get("PENSTOCK_SEED", "0")) or int(time.time())


@pytest.fixture(scope="module")
def neighbour(cluster: Kubectl, proxied: int) -> Iterator[Tasks]:
    """Another namespace, with a pool that works."""
    cluster("create", "namespace", "mutants-neighbour")
    inside = cluster.within("mutants-neighbour")
    make_pool(inside)
    wait_sync(lambda: inside.value("ppool/e2e", "{.status.readyReplicas}") == "1", "the first worker")
    yield Tasks(proxied, "mutants-neighbour")
    cluster("delete", "namespace", "mutants-neighbour", "--timeout=90s")


def rate(neighbour: Tasks, turn: str) -> float:
    """Tasks a second, from the first creation to the last end; the best of several rounds."""
    return max(_round(neighbour, f"{turn}-{number}") for number in range(ROUNDS))


def _round(neighbour: Tasks, name: str) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: neighbour.create(f"{name}-{n}", {"task": "e2e.noop"}), range(TASKS)))

    def ended() -> bool:
        mine = [item for item in neighbour.list()["items"] if item["metadata"]["name"].startswith(name)]
        return [item["status"]["phase"] for item in mine].count("Succeeded") == TASKS

    wait_sync(ended, f"the Tasks of {name}", patience=60)
    took = time.monotonic() - began
    neighbour.delete_all()
    return TASKS / took


def create(port: int, namespace: str, kind: str, body: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        # Or each unknown field would be a header of the answer.
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/{KINDS[kind]}?fieldValidation=Ignore"
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def unanswered(namespace: Kubectl) -> list[str]:
    """Those whose status says nothing yet; by columns, for kubectl gets through objects that Python's JSON doesn't."""
    columns = "custom-columns=KIND:.kind,NAME:.metadata.name,SAID:.status.conditions[0].type"
    lines = namespace("get", ",".join(f"{plural}.penstock.dev" for plural in KINDS.values()), "-o", columns)
    rows = [line.split() for line in lines.splitlines() if line.strip() and not line.startswith("KIND")]
    return [f"{row[0]}/{row[1]}" for row in rows if len(row) < 3 or row[2] == "<none>"]


def test_mutants_are_answered_and_harm_no_neighbour(
    namespace: Kubectl, system: Kubectl, neighbour: Tasks, proxied: int
) -> None:
    print(f"PENSTOCK_SEED={SEED}")
    operator, random = OperatorPods(system), Random(SEED)
    restarts, before = operator.restarts(), rate(neighbour, "before")
    told: Counter[str] = Counter()
    for number in range(MUTANTS):
        kind, _, body = mutated(random, number)
        status = create(proxied, namespace.namespace, kind, body)
        told[f"{kind} {status}"] += 1
    wait_sync(lambda: not unanswered(namespace), f"all to be answered; seed {SEED}", patience=SECONDS)
    after = rate(neighbour, "after")
    figures: dict[str, Any] = {**told, "before": round(before, 1), "after": round(after, 1)}
    print(json.dumps(figures | {"ratio": round(after / before, 2)}))
    assert operator.restarts() == restarts
    assert after >= LEAST * before

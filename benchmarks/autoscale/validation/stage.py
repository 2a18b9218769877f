"""The pool that is followed, with tasks that only wait; made for this and removed afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.autoscale.validation.bursts import OBJECTIVE, Call
from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.pool import POOLS
from benchmarks.capacity.stuck import until

from penstock.kube import Manifest, Resource
from penstock.report import TASKS
from penstock.resources.kinds import API_VERSION
from penstock.resources.pool import WorkerPoolSpec

__all__ = ["LABEL", "NAME", "built", "pool", "spec", "task"]

NAME = "bench-nap"
LABEL = "penstock.dev/bench=autoscale"
CONFIG_MAPS = Resource("/api/v1", "configmaps")
CODE = '''"""Tasks that take as long as they are told to."""

import asyncio

from penstock import Penstock

app = Penstock("bench-nap")


@app.task
async def nap(seconds: float) -> None:
    """Nothing, for so long."""
    await asyncio.sleep(seconds)
'''
PATIENCE = 120.0
PAGE = "500"


def pool() -> Manifest:
    """As a user would write it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "WorkerPool",
        "metadata": _metadata(NAME),
        "spec": {
            "app": "nap:app",
            "queues": [NAME],
            "source": {"configMap": NAME},
            "concurrency": 4,
            "autoscaling": {"maxReplicas": 5, "idleSeconds": 15, "target": {"latencySeconds": OBJECTIVE}},
        },
    }


def spec() -> WorkerPoolSpec:
    """The same, for the simulator."""
    return WorkerPoolSpec.model_validate(pool()["spec"])


def task(number: int, call: Call) -> Manifest:
    """One that is to be run."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": _metadata(f"{NAME}-{number}"),
        "spec": {"task": f"{NAME}.nap", "queue": NAME, "kwargs": {"seconds": call.seconds}},
    }


@asynccontextmanager
async def built(cluster: Cluster) -> AsyncIterator[None]:
    """The pool is there, asleep; afterwards all of it is gone."""
    await _clear(cluster)
    code = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(NAME), "data": {"nap.py": CODE}}
    await cluster.kube.create(CONFIG_MAPS, cluster.namespace, code)
    await cluster.kube.create(POOLS, cluster.namespace, pool())
    try:
        look = f"see: kubectl -n {cluster.namespace} describe ppool {NAME}"
        await until(f"pool {NAME} to be taken care of; {look}", lambda: _asleep(cluster), PATIENCE)
        yield
    finally:
        await _clear(cluster)


async def _asleep(cluster: Cluster) -> bool:
    found = await cluster.kube.get(POOLS, cluster.namespace, NAME)
    status = (found or {}).get("status", {})
    return bool(status.get("decision")) and status.get("replicas") == 0


async def _clear(cluster: Cluster) -> None:
    await cluster.kube.delete(POOLS, cluster.namespace, NAME)
    await cluster.kube.delete(CONFIG_MAPS, cluster.namespace, NAME)
    await until(f"{NAME}'s Tasks to be deleted", lambda: _cleared(cluster), PATIENCE)


async def _cleared(cluster: Cluster) -> bool:
    path, query = TASKS.path(cluster.namespace), {"labelSelector": LABEL, "limit": PAGE}
    await cluster.kube.request("DELETE", path, query=query, body={"propagationPolicy": "Background"})
    return not (await cluster.kube.request("GET", path, query=query))["items"]


def _metadata(name: str) -> Manifest:
    key, _, value = LABEL.partition("=")
    return {"name": name, "labels": {key: value}}

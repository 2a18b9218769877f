"""The demo's pool, held at a number of workers while it is measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.capacity.cluster import PODS, Cluster
from benchmarks.capacity.stuck import Stuck, until

from penstock.kube import Manifest, Resource
from penstock.resources.kinds import GROUP, VERSION

__all__ = ["bounds", "held", "image", "worker"]

POOLS = Resource(f"/apis/{GROUP}/{VERSION}", "workerpools")
POOL_LABEL = f"{GROUP}/pool"
PATIENCE = 120.0
BOUNDS = ("minReplicas", "maxReplicas")


def bounds(pool: Mapping[str, Any]) -> dict[str, int | None]:
    """The pool's least and most workers, None where it doesn't say: a merge patch then removes them again."""
    autoscaling = pool["spec"].get("autoscaling", {})
    return {bound: autoscaling.get(bound) for bound in BOUNDS}


@asynccontextmanager
async def held(cluster: Cluster, replicas: int) -> AsyncIterator[None]:
    """Neither more nor fewer workers than that, each ready; afterwards as it was."""
    before = bounds(await _pool(cluster))
    await _hold(cluster, dict.fromkeys(BOUNDS, replicas))
    try:
        what = f"{replicas} ready workers of pool {cluster.pool}; see: kubectl describe ppool {cluster.pool}"
        await until(what, lambda: _has(cluster, replicas), PATIENCE)
        yield
    finally:
        await _hold(cluster, before)


async def image(cluster: Cluster) -> str:
    """What its workers run."""
    return str((await _pool(cluster))["spec"]["image"])


async def worker(cluster: Cluster) -> str:
    """The name of one of its pods that runs."""
    async for pod in cluster.kube.list(PODS, cluster.namespace, labelSelector=f"{POOL_LABEL}={cluster.pool}"):
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            return str(pod["metadata"]["name"])
    raise Stuck(f"pool {cluster.namespace}/{cluster.pool} has no running worker: kubectl describe ppool {cluster.pool}")


async def _pool(cluster: Cluster) -> Manifest:
    pool = await cluster.kube.get(POOLS, cluster.namespace, cluster.pool)
    if pool is None:
        raise Stuck(f"no WorkerPool {cluster.namespace}/{cluster.pool} on {cluster.kube.host}: run make demo first")
    return pool


async def _hold(cluster: Cluster, to: Mapping[str, int | None]) -> None:
    await cluster.kube.merge(POOLS, cluster.namespace, cluster.pool, {"spec": {"autoscaling": dict(to)}})


async def _has(cluster: Cluster, replicas: int) -> bool:
    status = (await _pool(cluster)).get("status", {})
    return bool(status.get("replicas") == replicas == status.get("readyReplicas"))

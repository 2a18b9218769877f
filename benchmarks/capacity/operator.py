"""The operator's pods, and what their processes have used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.capacity.cluster import PODS, Cluster
from benchmarks.capacity.process import Process, spent
from benchmarks.capacity.stuck import Stuck, until

from penstock.kube import Manifest, Resource

__all__ = ["away", "kill", "pods", "processes", "quiet"]

DEPLOYMENTS = Resource("/apis/apps/v1", "deployments")
SELECTOR = "app.kubernetes.io/component=operator"
PATIENCE = 120.0
QUIET_CORES = 0.1  # less than this over QUIET_SECONDS: what a start or a listing made it do is done
QUIET_SECONDS = 3.0


async def pods(cluster: Cluster) -> list[str]:
    """Names of those that run and aren't being stopped."""
    found = [pod async for pod in cluster.kube.list(PODS, cluster.system, labelSelector=SELECTOR)]
    return [pod["metadata"]["name"] for pod in found if _runs(pod)]


def _runs(pod: Manifest) -> bool:
    return pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


async def processes(cluster: Cluster) -> dict[str, Process]:
    """Each pod's first process, which is the operator."""
    names = await pods(cluster)
    return dict(zip(names, await asyncio.gather(*(_process(cluster, name) for name in names)), strict=True))


async def _process(cluster: Cluster, pod: str) -> Process:
    return Process.parse(
        await cluster.kubectl("-n", cluster.system, "exec", pod, "--", "cat", "/proc/1/stat", "/proc/1/status")
    )


@asynccontextmanager
async def away(cluster: Cluster) -> AsyncIterator[None]:
    """No operator, and so nobody who watches Tasks; afterwards as many as before, ready."""
    deployment = await _deployment(cluster)
    name, replicas = deployment["metadata"]["name"], deployment["spec"]["replicas"]
    await _scale(cluster, name, 0)
    try:
        await until("the operator's pods to be gone", lambda: _none(cluster), PATIENCE)
        yield
    finally:
        await _scale(cluster, name, replicas)
        await until(f"{replicas} ready operators", lambda: _ready(cluster, replicas), PATIENCE)


async def kill(cluster: Cluster) -> None:
    """Force all pods out at once; the Deployment makes new ones."""
    for name in await pods(cluster):
        body = {"gracePeriodSeconds": 0}
        await cluster.kube.request("DELETE", PODS.path(cluster.system, name), body=body)


async def quiet(cluster: Cluster) -> None:
    """Return once the operators have nothing to do."""
    await until("the operators to be quiet", lambda: _is_quiet(cluster), PATIENCE)


async def _is_quiet(cluster: Cluster) -> bool:
    before = await processes(cluster)
    await asyncio.sleep(QUIET_SECONDS)
    try:
        used = spent(before, await processes(cluster))
    except Stuck:
        return False  # one has just begun
    return bool(before) and sum(used.values()) < QUIET_CORES * QUIET_SECONDS


async def _deployment(cluster: Cluster) -> Manifest:
    async for deployment in cluster.kube.list(DEPLOYMENTS, cluster.system, labelSelector=SELECTOR):
        return deployment
    raise Stuck(f"no operator in namespace {cluster.system} of {cluster.kube.host}: run make demo first")


async def _scale(cluster: Cluster, name: str, replicas: int) -> None:
    await cluster.kube.merge(DEPLOYMENTS, cluster.system, name, {"spec": {"replicas": replicas}})


async def _none(cluster: Cluster) -> bool:
    return not [pod async for pod in cluster.kube.list(PODS, cluster.system, labelSelector=SELECTOR)]


async def _ready(cluster: Cluster, replicas: int) -> bool:
    return bool((await _deployment(cluster)).get("status", {}).get("readyReplicas", 0) == replicas)

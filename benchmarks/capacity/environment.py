"""What a run was taken on: the cluster by its own word, and the machine of the client."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from benchmarks.capacity.cluster import Cluster

from penstock.kube import Kube, Manifest, Resource

__all__ = ["Environment", "Node", "look"]

NODES = Resource("/api/v1", "nodes")
REDIS = "app.kubernetes.io/component=redis"


@dataclass(frozen=True)
class Node:
    """One machine of the cluster, as its kubelet describes it."""

    cores: str
    memory: str
    kernel: str
    runtime: str

    @classmethod
    def of(cls, body: Manifest) -> Node:
        """Of the Node object."""
        status = body["status"]
        info, capacity = status["nodeInfo"], status["capacity"]
        return cls(capacity["cpu"], capacity["memory"], info["kernelVersion"], info["containerRuntimeVersion"])


@dataclass(frozen=True)
class Environment:
    """`load` is the client's machine's average over the minute before."""

    kubernetes: str
    nodes: tuple[Node, ...]
    redis: str
    client_cores: int
    client_python: str
    load: float


async def look(cluster: Cluster) -> Environment:
    """As it is now."""
    return Environment(
        await _version(cluster.kube),
        tuple([Node.of(node) async for node in cluster.kube.list(NODES)]),
        (await _redis(cluster)).strip(),
        len(os.sched_getaffinity(0)),
        platform.python_version(),
        round(os.getloadavg()[0], 2),
    )


async def _version(kube: Kube) -> str:
    return str((await kube.request("GET", "/version"))["gitVersion"])


async def _redis(cluster: Cluster) -> str:
    """What its server says; empty where the broker isn't the chart's own."""
    pods = (await cluster.kubectl("-n", cluster.system, "get", "pods", "-l", REDIS, "-o", "name")).split()
    if not pods:
        return ""
    return await cluster.kubectl("-n", cluster.system, "exec", pods[0], "--", "redis-server", "--version")

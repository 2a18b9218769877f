"""A pool's pods over time, by looking again and again. Moments are of the wall clock, s."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from benchmarks.capacity.cluster import PODS, Cluster

from penstock.kube import Manifest

__all__ = ["Sighting", "follow", "noted"]

LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Sighting:
    """One pod: when it was first seen, first seen ready, and no more there; `inf` while it hasn't been."""

    created: float
    ready: float = math.inf
    gone: float = math.inf


async def follow(cluster: Cluster, selector: str, seen: dict[str, Sighting]) -> None:
    """Look for ever; `seen` is kept up to date."""
    while True:
        pods = [pod async for pod in cluster.kube.list(PODS, cluster.namespace, labelSelector=selector)]
        noted(seen, pods, time.time())
        await asyncio.sleep(LOOK_SECONDS)


def noted(seen: dict[str, Sighting], pods: Iterable[Manifest], now: float) -> None:
    """One look."""
    there = {pod["metadata"]["name"]: pod for pod in pods}
    for name, pod in there.items():
        one = seen.setdefault(name, Sighting(now))
        if one.ready == math.inf and _is_ready(pod):
            seen[name] = replace(one, ready=now)
    for name, one in seen.items():
        if name not in there and one.gone == math.inf:
            seen[name] = replace(one, gone=now)


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

"""How long Tasks wait for an operator that is killed. Several are created meanwhile, and all have to be served."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.capacity import operator
from benchmarks.capacity.arrivals import Arrivals
from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.noop import new_run, task

from penstock.report import TASKS

__all__ = ["Outage", "measure"]

PROBES = 15  # before the first is waited for: the killed process may live, and admit, for a second
EVERY_SECONDS = 0.2
PATIENCE = 180.0


@dataclass(frozen=True)
class Outage:
    """Seconds: what the Task that waited longest waited, and when it was Complete, from the kill on."""

    longest: float
    until: float

    @classmethod
    def of(cls, killed: float, created: list[float], ended: list[float]) -> Outage:
        """Of the probes' moments, in the same order. Raises ValueError for none."""
        longest, end = max((end - begin, end) for begin, end in zip(created, ended, strict=True))
        return cls(longest, end - killed)


async def measure(cluster: Cluster) -> Outage:
    """Kill every operator pod, and probe."""
    run, created = new_run(), list[float]()
    async with Arrivals(cluster.kube, TASKS, cluster.namespace, run) as arrivals:
        killed = time.perf_counter()
        await operator.kill(cluster)
        for number in range(PROBES):
            created.append(time.perf_counter())
            await cluster.kube.create(TASKS, cluster.namespace, task(run, number))
            await asyncio.sleep(EVERY_SECONDS)
        names = [task(run, number)["metadata"]["name"] for number in range(PROBES)]
        ended = [await arrivals.one(name, PATIENCE) for name in names]
    return Outage.of(killed, created, ended)

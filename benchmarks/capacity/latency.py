"""Single warm Tasks, one after another: from the start of the request to the Complete condition as a watch sees it."""

from __future__ import annotations

import time

from benchmarks.capacity.arrivals import Arrivals
from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.figures import Found
from benchmarks.capacity.noop import new_run, task
from benchmarks.peers.percentiles import percentile

from penstock.report import TASKS

__all__ = ["measure"]

WARM_UP = 20
PATIENCE = 60.0


async def measure(cluster: Cluster, count: int) -> Found:
    """Warm up, then measure."""
    await _latencies(cluster, WARM_UP)
    found = [seconds * 1000 for seconds in await _latencies(cluster, count)]
    figures = {f"p{percent}": percentile(found, percent) for percent in (50, 95, 99)}
    return Found(figures, {"tasks": count, "samples_ms": [round(ms, 2) for ms in found]})


async def _latencies(cluster: Cluster, count: int) -> list[float]:
    run, found = new_run(), list[float]()
    async with Arrivals(cluster.kube, TASKS, cluster.namespace, run) as arrivals:
        for number in range(count):
            body, began = task(run, number), time.perf_counter()
            await cluster.kube.create(TASKS, cluster.namespace, body)
            found.append(await arrivals.one(body["metadata"]["name"], PATIENCE) - began)
    return found

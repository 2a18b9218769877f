"""From creation to Complete, many Tasks at once, in two ways.

Steady: each of the client's places creates a Task and waits until it is Complete, as in `raw` each creates one and
writes its status. Burst: all are created as fast as the client may, and wait in the queue.
"""

from __future__ import annotations

import time

from benchmarks.capacity.arrivals import Arrivals
from benchmarks.capacity.cluster import Cluster, remove
from benchmarks.capacity.figures import Found
from benchmarks.capacity.flood import PLACES, flood
from benchmarks.capacity.noop import new_run, task
from benchmarks.capacity.rate import Rate

from penstock.report import TASKS

__all__ = ["burst", "measure", "steady"]

WARM_UP = 200
PATIENCE = 60.0  # and so much for each Task:
PATIENCE_OF_ONE = 0.05


async def steady(cluster: Cluster, run: str, count: int) -> Rate:
    """Never more Tasks open than the client has places."""

    async def create(number: int) -> None:
        body = task(run, number)
        await cluster.kube.create(TASKS, cluster.namespace, body)
        await arrivals.one(body["metadata"]["name"], PATIENCE)

    async with Arrivals(cluster.kube, TASKS, cluster.namespace, run) as arrivals:
        began = time.perf_counter()
        await flood(count, create)
        return Rate.of(began, arrivals.seen.values())


async def burst(cluster: Cluster, run: str, count: int) -> Rate:
    """All at once, as far as the client can."""

    async def create(number: int) -> None:
        await cluster.kube.create(TASKS, cluster.namespace, task(run, number))

    async with Arrivals(cluster.kube, TASKS, cluster.namespace, run) as arrivals:
        began = time.perf_counter()
        await flood(count, create)
        return Rate.of(began, await arrivals.until(count, PATIENCE + PATIENCE_OF_ONE * count))


async def measure(cluster: Cluster, count: int) -> Found:
    """Warm up, then measure: steadily, then as a burst."""
    await steady(cluster, new_run(), WARM_UP)
    rate = await steady(cluster, new_run(), count)
    await remove(cluster)
    rush = await burst(cluster, new_run(), count)
    facts = {"tasks": rate.count, "seconds": rate.seconds, "burst seconds": rush.seconds, "places": PLACES}
    figures = {
        "sustained": rate.per_second,
        "sustained steady": rate.steady,
        "burst": rush.per_second,
        "burst steady": rush.steady,
    }
    return Found(figures, facts)

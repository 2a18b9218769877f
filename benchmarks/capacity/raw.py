"""The API server alone: create a Task and write its status once, with nobody watching. What a Task costs at least.

The status is the one that a worker writes at the end, as the same JSON Patch.
"""

from __future__ import annotations

import time

from benchmarks.capacity import operator
from benchmarks.capacity.cluster import Cluster, remove
from benchmarks.capacity.figures import Found
from benchmarks.capacity.flood import PLACES, flood
from benchmarks.capacity.noop import TASK, new_run, task
from benchmarks.capacity.rate import Rate

from penstock import report
from penstock.envelope import ResourceRef
from penstock.kube import Manifest
from penstock.outcome import Outcome
from penstock.report import TASKS
from penstock.status import Phase

__all__ = ["measure"]

WARM_UP = 200


async def measure(cluster: Cluster, count: int) -> Found:
    """With the operator away; what was made goes before it returns, else it would run it."""
    async with operator.away(cluster):
        try:
            await _pairs(cluster, WARM_UP)
            rate = await _pairs(cluster, count)
        finally:
            await remove(cluster)
    facts = {"pairs": rate.count, "seconds": rate.seconds, "requests in flight": PLACES, "watches": 0}
    return Found({"raw": rate.per_second, "raw steady": rate.steady}, facts)


async def _pairs(cluster: Cluster, count: int) -> Rate:
    run = new_run()

    async def pair(number: int) -> None:
        made = await cluster.kube.create(TASKS, cluster.namespace, task(run, number))
        await cluster.kube.patch(
            TASKS, cluster.namespace, made["metadata"]["name"], patch(made, time.time()), subresource="status"
        )

    began = time.perf_counter()
    return Rate.of(began, await flood(count, pair))


def patch(made: Manifest, now: float) -> list[Manifest]:
    """What a worker sends for a no-op that has succeeded."""
    meta = made["metadata"]
    ref = ResourceRef(meta["namespace"], meta["name"], meta["uid"], run=1, generation=1)
    outcome = Outcome(
        id=f"shop.{meta['uid']}",
        task=TASK,
        phase=Phase.SUCCEEDED,
        finished_at=now,
        queued_at=now,
        started_at=now,
        attempts=1,
        worker="bench",
        result=b"null",
        traceparent=f"00-{meta['uid'].replace('-', '')}-00f067aa0ba902b7-01",
        resource=ref,
    )
    return report.guarded(ref, report.ended(ref, outcome))

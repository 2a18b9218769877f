"""What people would use otherwise: a Kubernetes Job for each piece of work, here a container that ends at once.

The image is the pool's own, which the node has already, and the command `true`: no Python starts.
"""

from __future__ import annotations

import time

from benchmarks.capacity import pool
from benchmarks.capacity.arrivals import Arrivals
from benchmarks.capacity.cluster import JOBS, Cluster
from benchmarks.capacity.figures import Found
from benchmarks.capacity.flood import flood
from benchmarks.capacity.noop import labels, new_run
from benchmarks.capacity.rate import Rate

from penstock.kube import Manifest

__all__ = ["job", "measure"]

COMMAND = "true"
PATIENCE = 60.0  # and so much for each Job:
PATIENCE_OF_ONE = 5.0


async def measure(cluster: Cluster, count: int) -> Found:
    """One to warm up, then all at once."""
    image = await pool.image(cluster)
    await _through(cluster, image, 1)
    rate = await _through(cluster, image, count)
    return Found(
        {"jobs": rate.per_second}, {"jobs": count, "seconds": rate.seconds, "image": image, "command": COMMAND}
    )


async def _through(cluster: Cluster, image: str, count: int) -> Rate:
    run = new_run()

    async def create(number: int) -> None:
        await cluster.kube.create(JOBS, cluster.namespace, job(run, number, image))

    async with Arrivals(cluster.kube, JOBS, cluster.namespace, run) as arrivals:
        began = time.perf_counter()
        await flood(count, create)
        return Rate.of(began, await arrivals.until(count, PATIENCE + PATIENCE_OF_ONE * count))


def job(run: str, number: int, image: str) -> Manifest:
    """A Job of one pod that isn't tried again."""
    container = {"name": "noop", "image": image, "command": [COMMAND], "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"bench-{run}-{number}", "labels": labels(run)},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels(run)},
                "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]},
            },
        },
    }

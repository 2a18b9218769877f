"""A TaskBatch: many items of one task under one resource, streamed by the SDK from inside the cluster.

PROGRAM is all that knows of the SDK's call. It runs in a worker's pod, which has the app, its settings and the broker.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.capacity import pool
from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.figures import Found

from penstock.kube import Resource
from penstock.resources.kinds import GROUP

__all__ = ["installed", "measure"]

DEFINITIONS = Resource("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
NAME = f"taskbatches.{GROUP}"
PATIENCE = 600.0
PROGRAM = """
import asyncio, json, time
from shop.tasks import app, noop

async def main(count):
    async with app:
        began = time.perf_counter()
        batch = await app.batch(noop.s() for _ in range(count))
        streamed = time.perf_counter()
        await batch.result(timeout=PATIENCE)
        ended = time.perf_counter()
    print(json.dumps({"seconds": ended - began, "streaming seconds": streamed - began}))

asyncio.run(main(COUNT))
"""


async def installed(cluster: Cluster) -> bool:
    """Whether the cluster knows TaskBatch."""
    return await cluster.kube.get(DEFINITIONS, None, NAME) is not None


@asynccontextmanager
async def _allowed(cluster: Cluster) -> AsyncIterator[None]:
    """Let the workers' account submit, as a service's own would be: by itself it may only report."""
    binding = ("-n", cluster.namespace, "rolebinding", "penstock-bench")
    account = f"--serviceaccount={cluster.namespace}:penstock-worker"
    await cluster.kubectl("create", *binding, "--clusterrole=penstock-submitter", account)
    try:
        yield
    finally:
        await cluster.kubectl("delete", *binding)


async def measure(cluster: Cluster, count: int) -> Found:
    """Items per second, from the first item to the end of the batch."""
    if not await installed(cluster):
        return Found(error=f"not installed: the cluster has no {NAME}")
    program = PROGRAM.replace("COUNT", str(count)).replace("PATIENCE", str(PATIENCE))
    pod = await pool.worker(cluster)
    async with _allowed(cluster):
        said = await cluster.kubectl(
            "-n", cluster.namespace, "exec", "-i", pod, "--", "python", "-", stdin=program, seconds=PATIENCE
        )
    facts = json.loads(said.splitlines()[-1])
    return Found({"batch": count / facts["seconds"]}, facts | {"items": count})

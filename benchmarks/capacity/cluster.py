"""The cluster of KUBECONFIG, with the demo on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.capacity.noop import of_run
from benchmarks.capacity.stuck import Stuck, until

from penstock.errors import ApiRefused, NotConnected
from penstock.kube import Kube, Resource
from penstock.report import TASKS

__all__ = ["JOBS", "PODS", "Cluster", "connect", "remove"]

PODS = Resource("/api/v1", "pods")
JOBS = Resource("/apis/batch/v1", "jobs")
COMMAND_SECONDS = 60.0
PAGE = 500  # what one request deletes: the server ends any that takes longer than a minute
REMOVE_SECONDS = 600.0


@dataclass(frozen=True)
class Cluster:
    """A connection, and where the demo's pool and Penstock's own pods are."""

    kube: Kube
    namespace: str = "default"
    pool: str = "shop"
    system: str = "penstock-system"

    async def kubectl(self, *arguments: str, stdin: str = "", seconds: float = COMMAND_SECONDS) -> str:
        """What a command printed. Raises Stuck with its complaint."""
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(seconds):
                said, complaint = await process.communicate(stdin.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise Stuck(f"kubectl {' '.join(arguments)} didn't end within {seconds:g} s") from None
        if process.returncode:
            raise Stuck(f"kubectl {' '.join(arguments)}: {complaint.decode(errors='replace').strip()[-500:]}")
        return said.decode()


@asynccontextmanager
async def connect() -> AsyncIterator[Cluster]:
    """The cluster, cleaned of what an earlier run left; once more at the end."""
    kube = await Kube.connect()
    try:
        cluster = Cluster(kube)
        await remove(cluster)
        try:
            yield cluster
        finally:
            await remove(cluster)
    finally:
        await kube.close()


async def remove(cluster: Cluster, run: str | None = None) -> None:
    """Delete a run's objects, or all of this benchmark's."""
    for resource in (TASKS, JOBS):
        what = f"the benchmark's {resource.plural} to be deleted; do it by: kubectl delete -l {of_run(run)}"
        await until(what, partial(_removed, cluster, resource, of_run(run)), REMOVE_SECONDS)


async def _removed(cluster: Cluster, resource: Resource, selector: str) -> bool:
    """Whether all are gone. What disturbs it now needn't do so later: a TTL that was faster, a server that is busy."""
    path, query = resource.path(cluster.namespace), {"labelSelector": selector, "limit": str(PAGE)}
    try:
        while (await cluster.kube.request("GET", path, query=query | {"limit": "1"}))["items"]:
            await cluster.kube.request("DELETE", path, query=query, body={"propagationPolicy": "Background"})
    except (ApiRefused, NotConnected):
        return False
    return True

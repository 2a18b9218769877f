"""What live Tasks take in etcd, by what the API server says of it."""

from __future__ import annotations

import re

from benchmarks.capacity.cluster import Cluster

__all__ = ["file_bytes", "parse"]

FILE = re.compile(r"^apiserver_storage_size_bytes(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


async def file_bytes(cluster: Cluster) -> int | None:
    """The size of etcd's file; None where the API server keeps it to itself, as some hosted ones do."""
    return parse(await cluster.kubectl("get", "--raw", "/metrics"))


def parse(metrics: str) -> int | None:
    """The largest of the etcds that it tells of."""
    sizes = [round(float(found)) for found in FILE.findall(metrics)]
    return max(sizes, default=None)

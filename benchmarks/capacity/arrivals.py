"""A watch that notes when each object of a run was first seen Complete."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from benchmarks.capacity.noop import complete, of_run
from benchmarks.capacity.stuck import Stuck

from penstock.errors import NotConnected
from penstock.kube import Kube, Resource
from penstock.stopping import stopped

__all__ = ["Arrivals"]

AGAIN_SECONDS = 0.2


class Arrivals:
    """Use as `async with`. `seen` has the moments by name; what was Complete before counts as the watch begins."""

    def __init__(self, kube: Kube, resource: Resource, namespace: str, run: str) -> None:
        self._kube, self._resource, self._namespace, self._run = kube, resource, namespace, run
        self.seen: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._news = asyncio.Event()

    async def one(self, name: str, patience: float) -> float:
        """The moment of one. Raises Stuck after `patience` seconds."""
        if name in self.seen:
            return self.seen[name]
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[name] = future
        try:
            async with asyncio.timeout(patience):
                return await future
        except TimeoutError:
            raise self._stuck(f"{name} wasn't", patience) from None
        finally:
            del self._waiting[name]

    async def until(self, count: int, patience: float) -> list[float]:
        """All moments, once there are `count`. Raises Stuck after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while len(self.seen) < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise self._stuck(f"only {len(self.seen):,} of {count:,} were", patience) from None
        return list(self.seen.values())

    def _stuck(self, which: str, patience: float) -> Stuck:
        plural = self._resource.plural
        look = f"kubectl -n {self._namespace} get {plural} -l {of_run(self._run)}"
        return Stuck(f"{plural}: {which} Complete within {patience:g} s; see: {look}")

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await stopped(self._watching)

    async def _watch(self) -> None:
        """A watch that ends or breaks is begun anew: it tells all that is there once more."""
        while True:
            try:
                await self._follow()
            except NotConnected:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        async for kind, body in self._kube.watch(self._resource, self._namespace, labelSelector=of_run(self._run)):
            if kind == "ERROR":  # the server can't go on from here: the body is no object
                return
            if complete(body):
                self._note(body["metadata"]["name"])

    def _note(self, name: str) -> None:
        at = self.seen.setdefault(name, time.perf_counter())
        self._news.set()
        future = self._waiting.get(name)
        if future is not None and not future.done():
            future.set_result(at)

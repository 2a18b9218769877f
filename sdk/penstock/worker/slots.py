"""The places in which a worker runs tasks, handed to its queues in their order."""

from __future__ import annotations

import asyncio
import heapq
import itertools

__all__ = ["Slots"]


class Slots:
    """`total` places. Where several queues wait for one, the lowest `order` gets it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._waiting: list[tuple[int, int, asyncio.Future[int]]] = []
        self._numbers = itertools.count()
        self._closed = False

    @property
    def busy(self) -> int:
        """Places in use."""
        return self.total - self.free

    async def take(self, order: int) -> int:
        """Wait for free places and take them all: the caller gives back what it has no task for."""
        if self._closed or (self.free and not self._waiting):
            return self.take_now(self.free)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (order, next(self._numbers), future))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back(future.result())
            raise

    def take_now(self, wanted: int) -> int:
        """Take up to `wanted` places without waiting."""
        taken = 0 if self._closed else min(wanted, self.free)
        self.free -= taken
        return taken

    def give_back(self, count: int = 1) -> None:
        """Free places, to whoever waits first."""
        self.free += count
        while self.free and self._waiting and not self._closed:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(self.take_now(self.free))

    def close(self) -> None:
        """Give no more places: whoever waits, now or later, gets 0."""
        self._closed = True
        while self._waiting:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(0)

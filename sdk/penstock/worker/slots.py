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
        self._gathering: asyncio.TimerHandle | None = None
        self._granting = False
        self._closed = False
        self.overdue = False  # all places were waited for in vain

    @property
    def busy(self) -> int:
        """Places in use."""
        return self.total - self.free

    async def take(self, order: int) -> int:
        """Wait for free places and take them all: the caller gives back what it has no task for."""
        if self._closed:
            return 0
        if self._grantable and not self._waiting:
            self._end_gathering()
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
        taken = 0 if self._closed or not self._grantable else min(wanted, self.free)
        self.free -= taken
        return taken

    def give_back(self, count: int = 1) -> None:
        """Free places, to whoever waits first: in a moment, so that tasks that end together are one grant."""
        self.free += count
        if self._waiting and not self._granting:
            self._granting = True
            asyncio.get_running_loop().call_soon(self._grant)

    def gather(self, patience: float) -> None:
        """Hand out nothing until all places are free (a suspect must run alone), for `patience` seconds at most."""
        if self._gathering is None and self.busy and not self._closed:
            self._gathering = asyncio.get_running_loop().call_later(patience, self._give_up)

    def close(self) -> None:
        """Give no more places: whoever waits, now or later, gets 0."""
        self._closed = True
        self._end_gathering()
        while self._waiting:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(0)

    @property
    def _grantable(self) -> bool:
        return self.free > 0 and (self._gathering is None or self.free == self.total)

    def _grant(self) -> None:
        self._granting = False
        while self._waiting and self._grantable and not self._closed:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(self.take_now(self.free))
                self._end_gathering()

    def _end_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _give_up(self) -> None:
        self._end_gathering()
        self.overdue = True
        self._grant()

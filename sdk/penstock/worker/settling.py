"""Ends attempts in batches, and goes on trying while the broker is away: an outcome is the last thing to lose."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from penstock.broker import Broker
from penstock.broker.messages import Settlement
from penstock.errors import PenstockError
from penstock.worker.outage import Outage

__all__ = ["Settling"]

log = logging.getLogger("penstock.worker")
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
BATCH = 500

Then = Callable[[bool], None]


class Settling:
    """One line a queue, for a batch is one script on one hash slot. What ends meanwhile is the next batch."""

    def __init__(self, broker: Broker, outage: Outage | None = None) -> None:
        self._broker = broker
        self._outage = outage or Outage()
        self._waiting: defaultdict[str, list[tuple[Settlement, Then]]] = defaultdict(list)
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def add(self, settlement: Settlement, then: Then) -> None:
        """Settle it soon; `then` hears whether it was settled, or whether the lease was lost meanwhile."""
        queue = settlement.lease.queue
        self._waiting[queue].append((settlement, then))
        if queue not in self._at_work:
            self._at_work[queue] = asyncio.create_task(self._work(queue), name=f"penstock settle {queue}")

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way. What can't be settled in time is run again elsewhere once its lease is out."""
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=seconds)
        for task in list(self._at_work.values()):
            task.cancel()

    async def _work(self, queue: str) -> None:
        try:
            while waiting := self._waiting[queue]:
                batch, self._waiting[queue] = waiting[:BATCH], waiting[BATCH:]
                answers = await self._settle([settlement for settlement, _ in batch])
                for (_, then), settled in zip(batch, answers, strict=True):
                    then(settled)
        finally:
            del self._at_work[queue]

    async def _settle(self, settlements: list[Settlement]) -> list[bool]:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                settled = await self._broker.settle(settlements)
            except PenstockError as error:
                self._outage.failed("settle", settlements[0].lease.queue, error)
            except Exception:  # a bug: their leases run out, and other workers get them
                log.exception("can't settle %d tasks", len(settlements))
                return [False] * len(settlements)
            else:
                self._outage.worked("settle", settlements[0].lease.queue)
                return settled
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

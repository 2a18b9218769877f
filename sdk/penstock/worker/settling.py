"""Ends attempts in batches, and goes on trying while the broker is away: an outcome is the last thing to lose. One that
can't be written harms no other: it becomes a dead letter with the reason."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from penstock.broker import Broker
from penstock.broker.messages import Settlement
from penstock.errors import PenstockError, Refused
from penstock.worker.outage import Outage
from penstock.worker.record import unwritable

__all__ = ["Settling", "Then"]

log = logging.getLogger("penstock.worker")
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
BATCH = 500

Written = Settlement | None  # what was written; None: nothing, for the lease was lost
Then = Callable[[Written], None]


class Settling:
    """One line a queue, for a batch is one script on one hash slot. What ends meanwhile is the next batch."""

    def __init__(self, broker: Broker, outage: Outage | None = None, clock: Callable[[], float] = time.time) -> None:
        self._broker = broker
        self._clock = clock
        self._outage = outage or Outage()
        self._waiting: defaultdict[str, list[tuple[Settlement, Then]]] = defaultdict(list)
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def add(self, settlement: Settlement, then: Then) -> None:
        """Settle it soon; `then` hears as what it was settled, or (None) that the lease was lost meanwhile."""
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
                written = await self._settle([settlement for settlement, _ in batch])
                for (settlement, then), one in zip(batch, written, strict=True):
                    _tell(then, settlement, one)
        finally:
            del self._at_work[queue]

    async def _settle(self, settlements: Sequence[Settlement]) -> list[Written]:
        try:
            return await self._insist(settlements)
        except Exception as error:  # there is one among them that the broker won't take
            if len(settlements) == 1:
                return [await self._instead(settlements[0], error)]
        return [(await self._settle([settlement]))[0] for settlement in settlements]

    async def _insist(self, settlements: Sequence[Settlement]) -> list[Written]:
        """Try until the broker answers. Raises Refused, or whatever it was, where that's of no use."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                answers = await self._broker.settle(settlements)
            except Refused:
                raise
            except PenstockError as error:
                self._outage.failed("settle", settlements[0].lease.queue, error)
            else:
                self._outage.worked("settle", settlements[0].lease.queue)
                return [one if settled else None for one, settled in zip(settlements, answers, strict=True)]
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    async def _instead(self, settlement: Settlement, error: Exception) -> Written:
        """Write a dead letter. Where not even that can be written, the lease runs out, and another worker gets it."""
        instead = unwritable(settlement, error, at=self._clock())
        try:
            [written] = await self._insist([instead])
        except Exception:
            log.exception("%s: its end can't be settled: it runs again once its lease is out", settlement.lease.id)
            return None
        if written is not None:
            log.error("%s goes to the dead letters: its end can't be recorded: %s", settlement.lease.id, error)
        return written


def _tell(then: Then, settlement: Settlement, written: Written) -> None:
    try:
        then(written)
    except Exception:  # a bug: others wait for their answers
        log.exception("%s: what follows its end failed", settlement.lease.id)

"""Ends attempts in batches, and goes on trying while the broker is away: an outcome is the last thing to lose."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from functools import partial

from penstock.batcher import Batcher
from penstock.broker.protocol import Broker, Settlement
from penstock.errors import PenstockError

__all__ = ["Settling"]

log = logging.getLogger("penstock.worker")
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Settling:
    """One batcher a queue, for a batch is one script on one hash slot."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._queues: defaultdict[str, Batcher[Settlement, bool]] = defaultdict(partial(Batcher, self._settle))

    async def settle(self, settlement: Settlement) -> bool:
        """Whether it was settled; False if the lease was lost meanwhile. Returns when one or the other is sure."""
        return await self._queues[settlement.lease.queue](settlement)

    async def _settle(self, settlements: list[Settlement]) -> list[bool]:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._broker.settle(settlements)
            except PenstockError as error:
                log.warning("couldn't settle %d tasks, trying again in %.1f s: %s", len(settlements), pause, error)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

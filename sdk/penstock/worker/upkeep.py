"""What a queue needs while nobody works on it: due tasks made ready, dead workers' tasks taken over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from penstock.broker.protocol import Broker, Delivery
from penstock.errors import PenstockError
from penstock.worker.slots import Slots

__all__ = ["Upkeep"]

log = logging.getLogger("penstock.worker")
LONGEST_SLEEP_SECONDS = 0.5
SHORTEST_SLEEP_SECONDS = 0.005
RECLAIMS_PER_LEASE = 4
PARKED_SECONDS = 5.0
PARKED_LOOK = 500


@dataclass(eq=False)
class Upkeep:
    """One queue's timers. They run while the queue is idle too."""

    broker: Broker
    queue: str
    consumer: str
    lease_seconds: float
    slots: Slots
    accept: Callable[[Sequence[Delivery]], Awaitable[None]]
    wants: Callable[[bytes], bool]

    async def promote(self) -> None:
        """Make due tasks ready, close to their time."""
        while True:
            try:
                due_in = await self.broker.promote(self.queue)
            except PenstockError as error:
                log.warning("queue %s: couldn't look for due tasks: %s", self.queue, error)
                due_in = None
            wait = LONGEST_SLEEP_SECONDS if due_in is None else due_in
            await asyncio.sleep(min(LONGEST_SLEEP_SECONDS, max(SHORTEST_SLEEP_SECONDS, wait)))

    async def unpark(self) -> None:
        """Take up what was parked until a worker came that knows it."""
        while True:
            try:
                parked = await self.broker.parked(self.queue, PARKED_LOOK)
                if ours := [delivery.id for delivery in parked if self.wants(delivery.message)]:
                    await self.broker.unpark(self.queue, ours)
            except PenstockError as error:
                log.warning("queue %s: couldn't look for parked tasks: %s", self.queue, error)
            await asyncio.sleep(PARKED_SECONDS)

    async def reclaim(self) -> None:
        """Take over what no worker keeps, as far as there is room for it."""
        while True:
            await asyncio.sleep(self.lease_seconds / RECLAIMS_PER_LEASE)
            room = self.slots.take_now(self.slots.free)
            taken: Sequence[Delivery] = []
            try:
                if room:
                    taken = await self.broker.reclaim(self.queue, self.consumer, room, lease=self.lease_seconds)
            except PenstockError as error:
                log.warning("queue %s: couldn't look for abandoned tasks: %s", self.queue, error)
            finally:
                self.slots.give_back(room - len(taken))
            if taken:
                log.info("queue %s: took over %d tasks from workers that went away", self.queue, len(taken))
                await self.accept(taken)

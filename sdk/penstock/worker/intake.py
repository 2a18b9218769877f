"""Claims a queue's messages for as long as there are free places."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from penstock.broker.protocol import Broker, Delivery
from penstock.errors import PenstockError
from penstock.worker.slots import Slots

__all__ = ["Intake"]

log = logging.getLogger("penstock.worker")
WAIT_SECONDS = 0.5  # bounds how long a drain waits for the claim under way
PAUSE_SECONDS = 0.5  # after the broker couldn't be reached


@dataclass(eq=False)
class Intake:
    """One queue's reader. `order` is the queue's rank: where places are scarce, the lowest claims first."""

    broker: Broker
    queue: str
    order: int
    consumer: str
    slots: Slots
    accept: Callable[[Sequence[Delivery]], Awaitable[None]]
    _stopping: bool = False

    def stop(self) -> None:
        """Claim no more. `run` ends after the claim under way, which mustn't be cut: it may hold a message."""
        self._stopping = True

    async def run(self) -> None:
        """Claim until stopped. Outages are waited out."""
        while not self._stopping:
            try:
                await self._round()
            except PenstockError as error:
                log.warning("queue %s: couldn't claim, trying again: %s", self.queue, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _round(self) -> None:
        taken = await self._claim_ready() or await self._await_next()
        if taken:
            await self.accept(taken)

    async def _claim_ready(self) -> Sequence[Delivery]:
        budget = await self.slots.take(self.order)
        if not budget or self._stopping:
            self.slots.give_back(budget)
            return []
        taken: Sequence[Delivery] = []
        try:
            taken = await self.broker.claim(self.queue, self.consumer, budget)
        finally:
            self.slots.give_back(budget - len(taken))
        return taken

    async def _await_next(self) -> Sequence[Delivery]:
        """Wait for the next message without keeping places from other queues. What finds none goes back."""
        if self._stopping:
            return []
        taken = await self.broker.claim(self.queue, self.consumer, 1, wait=WAIT_SECONDS)
        room = 0 if self._stopping else self.slots.take_now(len(taken))
        if len(taken) > room:
            await self.broker.unclaim(taken[room:], self.consumer)
        return taken[:room]

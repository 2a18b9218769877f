"""What a worker does for a queue beside running its tasks: due tasks, abandoned ones, parked ones, broadcasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from penstock.broker import Broker
from penstock.broker.messages import Claimer
from penstock.errors import PenstockError
from penstock.worker.outage import Outage
from penstock.worker.relay import Relay

__all__ = ["Upkeep"]

log = logging.getLogger("penstock.worker")
LONGEST_SLEEP_SECONDS = 0.5
SHORTEST_SLEEP_SECONDS = 0.005
RECLAIMS_PER_LEASE = 4
SILENCES_PER_LEASE = 2  # no answer for so long is an outage, even if it comes in the end
PARKED_SECONDS = 5.0
PARKED_LOOK = 500
BROADCAST_SECONDS = 5.0
TIDY_SECONDS = 60.0
RELAY_SECONDS = 2.0
BLOCKED_SECONDS = 7 * 24 * 3600.0  # what was to unblock a task that waits for so long never will


@dataclass(eq=False)
class Upkeep:
    """One queue's timers. They run while the queue is idle, and while the worker is busy, too."""

    broker: Broker
    queue: str
    claimer: Claimer
    lease_seconds: float
    wants: Callable[[bytes], bool]
    suspects: Callable[[], None]
    announce: Callable[[Sequence[bytes]], None]
    relay: Relay
    outage: Outage = field(default_factory=Outage)
    _told: asyncio.Event = field(default_factory=asyncio.Event)
    _delayed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _place: str | None = None

    async def promote(self) -> None:
        """Make due tasks ready, close to their time."""
        while True:
            self._delayed.clear()
            try:
                due_in = await self.broker.promote(self.queue)
            except PenstockError as error:
                self.outage.failed("promote", self.queue, error)
                due_in = None
            else:
                self.outage.worked("promote", self.queue)
            wait = LONGEST_SLEEP_SECONDS if due_in is None else due_in
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LONGEST_SLEEP_SECONDS, max(SHORTEST_SLEEP_SECONDS, wait))):
                    await self._delayed.wait()

    def delayed(self) -> None:
        """This worker has laid a task aside: it may be due before the next look."""
        self._delayed.set()

    async def unpark(self) -> None:
        """Take up what was parked until a worker came that knows it."""
        while True:
            try:
                parked = await self.broker.parked(self.queue, PARKED_LOOK)
                if ours := [delivery.id for delivery in parked if self.wants(delivery.message)]:
                    await self.broker.unpark(self.queue, ours)
            except PenstockError as error:
                self.outage.failed("parked", self.queue, error)
            else:
                self.outage.worked("parked", self.queue)
            await asyncio.sleep(PARKED_SECONDS)

    async def reclaim(self) -> None:
        """Put back what no worker keeps. Only after a whole lease of unbroken contact: in an outage nobody could renew,
        and what still runs elsewhere (and here, after a standstill) must get the time to say so first."""
        clock = asyncio.get_running_loop().time
        since = heard = clock()
        while True:
            await asyncio.sleep(self.lease_seconds / RECLAIMS_PER_LEASE)
            try:
                await self.broker.ping()
                if clock() - heard >= self.lease_seconds / SILENCES_PER_LEASE:
                    since = clock()
                heard = clock()
                if heard - since >= self.lease_seconds:
                    await self._reclaim()
            except PenstockError as error:
                self.outage.failed("reclaim", self.queue, error)
                since = clock()
            else:
                self.outage.worked("reclaim", self.queue)

    async def _reclaim(self) -> None:
        reclaimed = await self.broker.reclaim(self.queue, self.claimer, lease=self.lease_seconds)
        self.outage.tally.reclaimed[self.queue] += reclaimed.moved
        if reclaimed.moved:
            log.info("queue %s: put back %d tasks of workers that went away", self.queue, reclaimed.moved)
        if reclaimed.suspects:
            self.suspects()

    async def join(self) -> None:
        """From now on every broadcast is meant for this worker, too."""
        with suppress(PenstockError):
            self._place, _ = await self.broker.broadcasts(self.queue, None)

    def told(self) -> None:
        """There is a broadcast."""
        self._told.set()

    async def broadcasts(self) -> None:
        """Run what is meant for every worker."""
        while True:
            self._told.clear()
            try:
                self._place, messages = await self.broker.broadcasts(self.queue, self._place)
                self.announce(messages)
            except PenstockError as error:
                self.outage.failed("broadcasts", self.queue, error)
            else:
                self.outage.worked("broadcasts", self.queue)
            with suppress(TimeoutError):
                async with asyncio.timeout(BROADCAST_SECONDS):
                    await self._told.wait()

    def ended(self) -> None:
        """A task has ended, and nobody may have told those whom that concerns."""
        self._ended.set()

    async def relayed(self) -> None:
        """Tell of ended tasks what their own workers couldn't."""
        while True:
            self._ended.clear()
            try:
                await self.relay.recover(self.queue)
            except PenstockError as error:
                self.outage.failed("relay", self.queue, error)
            else:
                self.outage.worked("relay", self.queue)
            with suppress(TimeoutError):
                async with asyncio.timeout(RELAY_SECONDS):
                    await self._ended.wait()

    async def tidy(self) -> None:
        """Forget what time has made useless."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            try:
                await self.broker.tidy(self.queue)
                await self.relay.expire(self.queue, BLOCKED_SECONDS)
            except PenstockError as error:
                self.outage.failed("tidy", self.queue, error)
            else:
                self.outage.worked("tidy", self.queue)

"""Claims a queue's tasks for as long as there are free places. A worker claims what it can start, and nothing more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.broker import Broker
from penstock.broker.messages import Begun, Claimed, Claimer, Delivery
from penstock.errors import PenstockError
from penstock.tracing import congested
from penstock.worker.runner import Runner
from penstock.worker.slots import Slots

__all__ = ["Intake"]

log = logging.getLogger("penstock.worker")
WAIT_SECONDS = 0.5  # bounds how long a drain waits for the read under way, and how late a missed signal is noticed
PAUSE_SECONDS = 0.5  # after the broker couldn't be reached
GATHER_SECONDS = 30.0  # how long a suspect waits for what runs beside it to end
PROBATION_SECONDS = 10.0  # a suspect that has run alone for so long was only a neighbour of the one
LONG_CLAIM_SECONDS = 0.003  # Redis is far away, or busy with many workers: better to ask it less often, for more
CONGESTED_SECONDS = 0.01  # between two looks whether finished spans have gone out
BATCH = 500
RESOLUTION_SECONDS = 0.001  # of the broker's clock


@dataclass(eq=False)
class Intake:
    """One queue's reader. `order` is the queue's rank: where places are scarce, the lowest claims first."""

    broker: Broker
    queue: str
    order: int
    claimer: Claimer
    slots: Slots
    runner: Runner
    standing: bool = False  # paused, and nothing is under way
    _stopping: bool = False
    _long: bool = False  # the last claim took long
    _suspects: bool = True  # some may wait to be run alone; nobody knows before the first claim
    _paused: bool = False
    _resumed: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Claim no more. `run` ends after the call under way, which mustn't be cut: it may hold a message."""
        self._stopping = True
        self._ending.set()
        self._opened.set()
        self._resumed.set()

    def pause(self) -> None:
        """Claim nothing until `resume`. It is `standing` once the call under way has ended and what it brought has been
        started."""
        self._paused = True
        self._opened.set()

    def resume(self) -> None:
        """Claim again."""
        self._paused = False
        self._resumed.set()

    @property
    def _halted(self) -> bool:
        return self._stopping or self._paused

    def opened(self) -> None:
        """The queue's limits may let something start again."""
        self._opened.set()

    def isolate(self) -> None:
        """A suspect waits: let what runs here end, so that it may run alone; if that takes too long, it runs beside
        what is left."""
        self._suspects = True
        self.slots.gather(GATHER_SECONDS)
        self._opened.set()

    async def run(self) -> None:
        """Claim until stopped. Outages are waited out."""
        while not self._stopping:
            try:
                await (self._stand() if self._paused else self._round())
            except PenstockError as error:
                self.runner.outage.failed("claim", self.queue, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _stand(self) -> None:
        """Wait for the end of a pause."""
        self._resumed.clear()
        self.standing = True
        try:
            await self._resumed.wait()
        finally:
            self.standing = False

    async def _round(self) -> None:
        """Claim what is ready; if that was all, wait for the next."""
        while congested() and not self._halted:  # noqa: ASYNC110 — the exporter's thread tells nobody
            await asyncio.sleep(CONGESTED_SECONDS)
        budget = await self.slots.take(self.order)
        if not budget or self._halted:
            return self.slots.give_back(budget)
        alone = self._alone(budget)
        self._opened.clear()
        most = self._most(budget)
        claimed = await self._claim(budget, most, alone=alone)
        if alone and _suspect(claimed.begun):
            return None  # perhaps another waits
        while not self._halted and len(claimed.begun) < most:
            if claimed.wait:
                return await self._closed(claimed.wait)
            read = await self.broker.listen(self.queue, self.claimer, WAIT_SECONDS)
            if not read:
                return None
            budget = await self._room_for(read)
            most = self._most(budget)
            claimed = await self._claim_read(budget, most, read[:budget])
        return None

    def _alone(self, budget: int) -> bool:
        """Whether to ask for a suspect: one waits, and nothing else runs here or that can't be had."""
        if not self._suspects or not (budget == self.slots.total or self.slots.overdue):
            return False
        self._suspects = self.slots.overdue = False
        return True

    def _most(self, budget: int) -> int:
        """At most half of all places at a time: while Redis works on one half's claim, this process runs the other.
        Where claims take much longer than that, halves would only double their number."""
        return min(budget, BATCH, self.slots.total if self._long else (self.slots.total + 1) // 2)

    async def _room_for(self, read: Sequence[Delivery]) -> int:
        """Places for what was read and for what may have come after it. What finds none goes back."""
        room = 0 if self._halted else self.slots.take_now(self.slots.free)
        if len(read) > room:
            await self.broker.unclaim(read[room:])
        return room

    async def _claim(self, budget: int, most: int, *, alone: bool) -> Claimed:
        """Claim for `most` of the places that were taken, and start what came. The rest of the places goes back."""
        claimed, clock = Claimed([]), asyncio.get_running_loop().time
        began = clock()
        try:
            claimed = await self._claimed(most, alone=alone)
        finally:
            self._long = clock() - began > LONG_CLAIM_SECONDS
            if not (alone and _suspect(claimed.begun)):
                self.slots.give_back(budget - len(claimed.begun))
        self._suspects = self._suspects or claimed.suspects > 0
        self.runner.start(claimed.begun)
        if self._long:
            await asyncio.sleep(0)  # what ends at once gives its place to the next claim
        if alone and _suspect(claimed.begun):
            await self._quarantine(claimed.begun[0], budget - 1)
        return claimed

    async def _claimed(self, most: int, *, alone: bool = False, read: Sequence[Delivery] = ()) -> Claimed:
        """A claim's answer, which tells the broker's time besides."""
        clock = self.runner.clock
        sent = clock.own()
        claimed = await self.broker.claim(self.queue, self.claimer, most, alone=alone, read=read)
        self.runner.outage.worked("claim", self.queue)
        clock.heard(claimed.now, sent=sent, resolution=RESOLUTION_SECONDS)
        return claimed

    async def _claim_read(self, budget: int, most: int, read: Sequence[Delivery]) -> Claimed:
        """Claim what was read and what came after it. Fresh tasks start while the claim is under way: an idle worker
        owes them no round trip."""
        if not budget:
            return Claimed([])
        early, begun = self.runner.start_early(read), list[Begun]()
        try:
            claimed = await self._claimed(max(0, most - len(read)), read=read)
            begun = self.runner.confirm(early, claimed.begun)
        except PenstockError:
            self.runner.confirm(early, None)
            raise
        finally:
            self.slots.give_back(budget - len(early) - len(begun))
        self._suspects = self._suspects or claimed.suspects > 0
        self.runner.start(begun)
        return claimed

    async def _quarantine(self, begun: Begun, places: int) -> None:
        """Keep the other places empty while a suspect runs: its neighbours mustn't pay if it takes its worker down."""
        log.info("%s runs alone: %d workers died while running it", begun.lease.id, begun.crashes)
        ended = asyncio.create_task(self.runner.ended(begun.lease.id, PROBATION_SECONDS))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait([ended, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ending.cancel()
            self.slots.give_back(places)

    async def _closed(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(seconds, WAIT_SECONDS)):
                await self._opened.wait()
        except TimeoutError:
            pass


def _suspect(begun: Sequence[Begun]) -> bool:
    return len(begun) == 1 and begun[0].crashes > 0

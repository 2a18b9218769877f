"""The memory broker with its outages, for the worker's tests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from penstock.broker.cordon import Cordon
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import (
    Begun,
    Claimed,
    Claimer,
    Delivery,
    Lease,
    QueueConfig,
    Reclaimed,
    Renewal,
    Settlement,
    Signal,
)
from penstock.envelope import Envelope
from penstock.errors import NotConnected

ME = Claimer("a", "worker")
OTHER = Claimer("b", "other")
DEAD = Claimer("dead", "pod-0")


class FlakyBroker(MemoryBroker):
    """Fails a method as often as `outages` says; `calls` counts them all. Its clock goes `ahead` seconds fast."""

    def __init__(self) -> None:
        super().__init__("test", clock=lambda: time.time() + self.ahead)
        self.ahead = 0.0
        self.listening = 0  # how many workers hear signals
        self.outages: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()  # answers that get lost: what was asked for is done all the same
        self.calls: Counter[str] = Counter()
        self.times: defaultdict[str, list[float]] = defaultdict(list)  # of answers, by the loop's clock
        self.failures: defaultdict[str, list[float]] = defaultdict(list)
        self.claims: list[tuple[int, bool]] = []  # (what at most may begin, alone)
        self.slow: asyncio.Event | None = None  # claims of what was read wait for it
        self.renewed: list[list[Lease]] = []
        self.settled: list[list[Settlement]] = []

    def _reach(self, method: str) -> None:
        self.calls[method] += 1
        if self.outages[method] > 0:
            self.outages[method] -= 1
            self.failures[method].append(time.monotonic())
            raise NotConnected("nothing answers")
        self.times[method].append(time.monotonic())

    async def check(self) -> None:
        self._reach("check")

    async def ping(self) -> None:
        self._reach("ping")

    async def claim(
        self, queue: str, claimer: Claimer, budget: int, *, alone: bool = False, read: Sequence[Delivery] = ()
    ) -> Claimed:
        self._reach("claim")
        self.claims.append((budget + len(read), alone))
        if read and self.slow is not None:
            await self.slow.wait()
        claimed = await super().claim(queue, claimer, budget, alone=alone, read=read)
        if self.lost["claim"] > 0 and claimed.begun:
            self.lost["claim"] -= 1
            raise NotConnected("the answer was lost")
        return claimed

    async def listen(self, queue: str, claimer: Claimer, wait: float) -> list[Delivery]:
        self._reach("listen")
        return await super().listen(queue, claimer, wait)

    async def unclaim(self, deliveries: Sequence[Delivery]) -> None:
        self._reach("unclaim")
        await super().unclaim(deliveries)

    async def reclaim(self, queue: str, claimer: Claimer, *, lease: float) -> Reclaimed:
        self._reach("reclaim")
        return await super().reclaim(queue, claimer, lease=lease)

    def renew(self, leases: Sequence[Lease], claimer: Claimer) -> list[Renewal]:
        self._reach("renew")
        self.renewed.append(list(leases))
        return super().renew(leases, claimer)

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        self._reach("settle")
        self.settled.append(list(settlements))
        return await super().settle(settlements)

    async def config(self, queue: str) -> QueueConfig:
        self._reach("config")
        return await super().config(queue)

    async def promote(self, queue: str) -> float | None:
        self._reach("promote")
        return await super().promote(queue)

    async def parked(self, queue: str, limit: int, *, skip: int = 0) -> list[Delivery]:
        self._reach("parked")
        return await super().parked(queue, limit, skip=skip)

    async def broadcasts(self, queue: str, after: str | None) -> tuple[str, list[bytes]]:
        self._reach("broadcasts")
        return await super().broadcasts(queue, after)

    async def attend(self, queue: str, claimer: Claimer, busy: int, *, resting: Cordon | None = None) -> Cordon | None:
        self._reach("attend")
        return await super().attend(queue, claimer, busy, resting=resting)

    async def signals(self, queues: Sequence[str]) -> AsyncGenerator[Signal, None]:
        self.listening += 1
        try:
            async with aclosing(super().signals(queues)) as signals:
                async for signal in signals:
                    yield signal
        finally:
            self.listening -= 1

    async def tidy(self, queue: str) -> None:
        self._reach("tidy")
        await super().tidy(queue)


def message(unique: str, queue: str = "mail", task: str = "shop.send") -> Envelope:
    return Envelope(id=f"{queue}.{unique}", task=task, queue=queue, created_at=time.time())


async def begun(broker: MemoryBroker, unique: str = "1", claimer: Claimer = ME) -> Begun:
    """A message that was sent and claimed."""
    await broker.send([message(unique)])
    claimed = await broker.claim("mail", claimer, 1)
    [start] = claimed.begun
    return start


async def abandoned(broker: MemoryBroker, unique: str = "1", times: int = 1) -> None:
    """A message that so many workers died of: it waits as a suspect."""
    await begun(broker, unique, DEAD)
    await broker.reclaim("mail", OTHER, lease=0.0)
    for _ in range(times - 1):
        await taken(broker, DEAD)
        await broker.reclaim("mail", OTHER, lease=0.0)


async def taken(broker: MemoryBroker, claimer: Claimer = OTHER) -> Begun:
    """Another worker begins the suspect."""
    [start] = (await broker.claim("mail", claimer, 1, alone=True)).begun
    return start

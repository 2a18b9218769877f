"""The memory broker with its outages, for the worker's tests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from penstock.broker.memory import MemoryBroker
from penstock.broker.protocol import Begun, Delivery, Lease, QueueConfig, Renewal, Settlement
from penstock.envelope import Envelope
from penstock.errors import NotConnected


class FlakyBroker(MemoryBroker):
    """Fails a method as often as `outages` says; `calls` counts them all."""

    def __init__(self) -> None:
        super().__init__("test")
        self.outages: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.renewed: list[list[Lease]] = []
        self.settled: list[list[Settlement]] = []

    def _reach(self, method: str) -> None:
        self.calls[method] += 1
        if self.outages[method] > 0:
            self.outages[method] -= 1
            raise NotConnected("nothing answers")

    async def claim(self, queue: str, consumer: str, budget: int, *, wait: float = 0.0) -> list[Delivery]:
        self._reach("claim")
        return await super().claim(queue, consumer, budget, wait=wait)

    async def reclaim(self, queue: str, consumer: str, budget: int, *, lease: float) -> list[Delivery]:
        self._reach("reclaim")
        return await super().reclaim(queue, consumer, budget, lease=lease)

    async def begin(
        self, deliveries: Sequence[Delivery], consumer: str, worker: str, *, max_crashes: int
    ) -> list[Begun]:
        self._reach("begin")
        return await super().begin(deliveries, consumer, worker, max_crashes=max_crashes)

    def renew(self, leases: Sequence[Lease], consumer: str) -> list[Renewal]:
        self._reach("renew")
        self.renewed.append(list(leases))
        return super().renew(leases, consumer)

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        self._reach("settle")
        self.settled.append(list(settlements))
        return await super().settle(settlements)

    async def config(self, queue: str) -> QueueConfig:
        self._reach("config")
        return await super().config(queue)


def message(unique: str, queue: str = "mail", task: str = "shop.send") -> Envelope:
    return Envelope(id=f"{queue}/{unique}", task=task, queue=queue, created_at=time.time())


async def begun(broker: MemoryBroker, unique: str = "1", consumer: str = "a") -> Begun:
    """A message that was sent, claimed and begun."""
    await broker.send([message(unique)])
    deliveries = await broker.claim("mail", consumer, 1)
    [start] = await broker.begin(deliveries, consumer, "worker", max_crashes=3)
    return start

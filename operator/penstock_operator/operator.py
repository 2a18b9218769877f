"""The operator as a whole: its parts, what connects them, their start and their end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

from penstock.broker.messages import Depth
from penstock.kube import Kube, Manifest
from penstock.stopping import stopped
from penstock_operator.api import Key
from penstock_operator.autoscale.loop import Signals
from penstock_operator.batches import Batches
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.namespaces import Namespaces
from penstock_operator.pools import Pools
from penstock_operator.queues import Queues
from penstock_operator.settings import Settings
from penstock_operator.sweep import Sweep
from penstock_operator.tasks import Tasks

__all__ = ["Operator"]

log = logging.getLogger("penstock.operator")
PULSE_SECONDS = 1.0


class Operator:
    """One process. `start` and `stop` belong to kopf's own."""

    def __init__(self, kube: Kube, settings: Settings) -> None:
        self._kube = kube
        self._brokers = Brokers(settings.broker_url)
        events = Events(kube, socket.gethostname())
        namespaces = Namespaces(kube, settings)
        self.queues = Queues(kube, self._brokers, namespaces)
        self.pools = Pools(kube, namespaces, events, settings)
        self.tasks = Tasks(kube, self._brokers, events, self.queues.default_ttl)
        self.batches = Batches(kube, self._brokers, events, self.queues.default_ttl)
        self._signals = Signals(self._brokers, self._wanted, self._depths)
        self._sweep = Sweep(kube, self._brokers, self.tasks, settings.compare_seconds)
        self._loops: list[asyncio.Task[None]] = []
        self.last_pulse = 0.0
        self.ready = False

    def task_event(self, body: Manifest, deleted: bool) -> None:
        """A Task was added, changed or deleted."""
        if deleted:
            self.tasks.gone(body)
        else:
            self.tasks.seen(body)
            self._signals.nudge()

    def _wanted(self) -> set[Key]:
        return self.pools.queues() | self.queues.keys()

    def _depths(self, depths: dict[Key, Depth | None]) -> None:
        self.pools.depths(depths)
        self.queues.depths(depths)

    async def start(self) -> None:
        """Begin."""
        for queue in (self.tasks.queue, self.pools.queue, self.queues.queue, self.batches.queue):
            queue.start()
        self._loops = [
            asyncio.create_task(self._signals.run(), name="penstock signals"),
            asyncio.create_task(self._sweep.run(), name="penstock sweep"),
            asyncio.create_task(self._pulse(), name="penstock pulse"),
        ]
        self.ready = True

    async def stop(self) -> None:
        """End: what was under way is done again by the next operator, which compares."""
        self.ready = False
        await stopped(*self._loops)
        for queue in (self.tasks.queue, self.pools.queue, self.queues.queue, self.batches.queue):
            await queue.stop()
        await self._brokers.close()
        await self._kube.close()

    async def _pulse(self) -> None:
        while True:
            self.last_pulse = time.monotonic()
            await asyncio.sleep(PULSE_SECONDS)

    def stuck(self) -> bool:
        """Whether one of the loops has died, which nothing should be able to cause."""
        return any(loop.done() for loop in self._loops)

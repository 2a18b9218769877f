"""A worker process: queues in, outcomes out, until it is told to drain. Runs anywhere: container, `dev`, tests."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from penstock.broker.protocol import Broker
from penstock.definition import Definition
from penstock.errors import PenstockError
from penstock.stopping import stopped
from penstock.worker.intake import Intake
from penstock.worker.policy import Policies
from penstock.worker.reporter import NobodyAsks, Reporter
from penstock.worker.runner import Runner
from penstock.worker.slots import Slots
from penstock.worker.upkeep import Upkeep

__all__ = ["TASK_THREADS", "Settings", "Worker"]

log = logging.getLogger("penstock.worker")
TASK_THREADS = "penstock-task"
PULSE_SECONDS = 1.0
PAUSE_SECONDS = 1.0
REPORT_SECONDS = 5.0  # for the last reports of a draining worker


def _incarnation() -> str:
    """Unique per process incarnation: a restarted container must not inherit its predecessor's messages."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker works. Seconds. `name` is what tasks show as their worker (a pod's name)."""

    queues: Sequence[str]
    concurrency: int = 16
    lease_seconds: float = 15.0
    drain_seconds: float = 30.0
    name: str = field(default_factory=socket.gethostname)
    consumer: str = field(default_factory=_incarnation)


class Worker:
    """Use as `async with Worker(...)`: it works while inside, and drains on the way out."""

    def __init__(
        self, tasks: Mapping[str, Definition], broker: Broker, settings: Settings, reporter: Reporter | None = None
    ) -> None:
        self.settings = settings
        self.last_pulse = 0.0
        self.working = False
        self._broker = broker
        self._reporter = reporter or NobodyAsks()
        self._slots = Slots(settings.concurrency)
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix=TASK_THREADS)
        self._runner = Runner(
            tasks,
            broker,
            settings.name,
            settings.consumer,
            settings.lease_seconds,
            self._slots,
            self._threads,
            self._reporter,
            Policies(broker),
        )
        self._intakes = [
            Intake(broker, queue, order, settings.consumer, self._slots, self._runner.accept)
            for order, queue in enumerate(settings.queues)
        ]
        self._reading: list[asyncio.Task[None]] = []
        self._timers: list[asyncio.Task[None]] = []

    @property
    def busy(self) -> int:
        """Tasks running now."""
        return len(self._runner.attempts)

    async def __aenter__(self) -> Worker:
        self._runner.leases.start()
        self._reading = [_kept(intake.run, f"intake {intake.queue}") for intake in self._intakes]
        self._timers = [_kept(self._pulse, "pulse"), _kept(self._cancellations, "cancellations")]
        for queue in self.settings.queues:
            upkeep = Upkeep(
                self._broker,
                queue,
                self.settings.consumer,
                self.settings.lease_seconds,
                self._slots,
                self._runner.accept,
                self._runner.wants,
            )
            self._timers += [
                _kept(upkeep.promote, f"promote {queue}"),
                _kept(upkeep.reclaim, f"reclaim {queue}"),
                _kept(upkeep.unpark, f"unpark {queue}"),
            ]
        self.last_pulse, self.working = asyncio.get_running_loop().time(), True
        log.info("working on %s, %d at a time", ", ".join(self.settings.queues), self.settings.concurrency)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.drain()

    async def drain(self) -> None:
        """Shut down in order: 1. claim no more, 2. finish or hand back, 3. report, 4. leave the groups."""
        log.info("draining: %d tasks have %g s", self.busy, self.settings.drain_seconds)
        self.working = False
        for intake in self._intakes:
            intake.stop()
        self._slots.close()
        await asyncio.gather(*self._reading, return_exceptions=True)
        await self._runner.drain(self.settings.drain_seconds)
        await stopped(*self._timers)
        await self._reporter.drain(REPORT_SECONDS)
        await self._runner.leases.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        with suppress(PenstockError):
            for queue in self.settings.queues:
                await self._broker.leave(queue, self.settings.consumer)

    async def _pulse(self) -> None:
        """The liveness probe looks at this: a stuck loop misses it."""
        while True:
            self.last_pulse = asyncio.get_running_loop().time()
            await asyncio.sleep(PULSE_SECONDS)

    async def _cancellations(self) -> None:
        async with aclosing(self._broker.cancellations(self.settings.queues)) as ids:
            async for id in ids:
                self._runner.cancel(id)


def _kept(work: Callable[[], Coroutine[object, object, None]], name: str) -> asyncio.Task[None]:
    """A task that goes on: a bug in it is logged, and mustn't silence the worker."""
    return asyncio.create_task(_again_and_again(work, name), name=f"penstock {name}")


async def _again_and_again(work: Callable[[], Coroutine[object, object, None]], name: str) -> None:
    while True:
        try:
            return await work()
        except Exception:
            log.exception("%s failed, starting it again", name)
        await asyncio.sleep(PAUSE_SECONDS)

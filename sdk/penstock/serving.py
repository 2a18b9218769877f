"""One worker of an app in this process: its lifespan, its connection, its extensions, its probes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Protocol

from penstock.broker import Broker
from penstock.definition import Definition
from penstock.extensions import Extensions
from penstock.lifespan import Lifespan
from penstock.stop import Stop
from penstock.stopping import within
from penstock.worker import Limits, Settings, Worker
from penstock.worker.introduction import Introduction
from penstock.worker.reporter import Reporter
from penstock.worker.supervisor import RECYCLED, watch_supervisor
from penstock.worker_settings import WorkerSettings

__all__ = ["Reporting", "Served", "engine", "nobody", "serving", "work"]

log = logging.getLogger("penstock.worker")
CLOSE_SECONDS = 3.0

Reporting = Callable[[Broker], AbstractAsyncContextManager[Reporter | None]]


class Served(Protocol):
    """What a worker needs to know of an app."""

    name: str
    extensions: Extensions
    lifespan: Lifespan
    worker_settings: WorkerSettings

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """Its tasks."""

    @property
    def queues(self) -> Sequence[str]:
        """Its own queues."""

    @property
    def url(self) -> str:
        """Its broker's."""

    @property
    def namespace(self) -> str:
        """Whose queues these are."""

    def broker(self) -> Broker:
        """A new connection."""


def engine(app: Served, settings: WorkerSettings) -> Settings:
    """What one worker of `app` goes by."""
    limits = Limits(settings.max_tasks or None, settings.max_memory_mib * 2**20 or None)
    named = {"name": settings.name} if settings.name else {}
    return Settings(
        settings.queues or app.queues,
        settings.concurrency,
        settings.lease_seconds,
        settings.drain_seconds,
        limits=limits.jittered(random.random),
        **named,
    )


def nobody(_: Broker) -> AbstractAsyncContextManager[None]:
    """The Reporting of a worker without a cluster: the broker is the record."""
    return nullcontext()


@asynccontextmanager
async def serving(
    app: Served, settings: Settings, *, port: int = 0, reporting: Reporting = nobody
) -> AsyncGenerator[Worker, None]:
    """A worker that runs `app`'s tasks while the block lasts. `port`: where probes are answered, which begins before
    the lifespan is entered; `reporting` tells the outside how tasks stand."""
    broker = app.broker()
    try:
        async with reporting(broker) as reporter:
            worker = Worker(app.definitions, broker, settings, reporter, app.extensions)
            async with _probes(worker, port), app.lifespan, worker:
                _introduce(app, settings)
                yield worker
    finally:
        await within(CLOSE_SECONDS, broker.close(), "closing the connection to the broker")


def _introduce(app: Served, settings: Settings) -> None:
    said = Introduction(app.name, app.url, app.namespace, settings.queues, settings.concurrency, app.definitions)
    log.info("%s", said)
    for worry in said.worries():
        log.warning("%s", worry)


def _probes(worker: Worker, port: int) -> AbstractAsyncContextManager[object]:
    if not port:
        return nullcontext()
    from penstock.worker.health import Health

    return Health(worker, port)


async def work(app: Served, settings: Settings, stop: Stop, *, port: int = 0, reporting: Reporting = nobody) -> int:
    """Run `app`'s tasks until `stop`, or until it is time for a fresh process, then drain: what `process.live` runs in
    a worker's process. The exit code: 0, or RECYCLED where another process should follow."""
    watch_supervisor(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.asked.set))
    async with serving(app, settings, port=port, reporting=reporting) as worker:
        stop.running, stop.hand_back = worker.names, worker.hand_back
        await worker.until(stop.asked)
        stop.begun()
        worker.hint = stop.hint
    return 0 if stop.asked.is_set() else RECYCLED

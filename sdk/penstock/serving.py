"""One worker of an app in this process: its lifespan, its connection, its extensions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial

from penstock.app import Penstock
from penstock.broker import Broker
from penstock.stop import Stop
from penstock.stopping import within
from penstock.worker import Settings, Worker
from penstock.worker.introduction import Introduction
from penstock.worker.reporter import NobodyAsks, Reporter
from penstock.worker.supervisor import RECYCLED, watch_supervisor

__all__ = ["serving", "work"]

log = logging.getLogger("penstock.worker")

CLOSE_SECONDS = 3.0


def _nobody(_: Broker) -> Reporter:
    return NobodyAsks()


@asynccontextmanager
async def serving(
    app: Penstock, settings: Settings, *, port: int = 0, reporter: Callable[[Broker], Reporter] = _nobody
) -> AsyncGenerator[Worker, None]:
    """A worker that runs `app`'s tasks while the block lasts. With `port`, it answers probes there. `reporter` makes
    what tells others how tasks stand; if it is a context manager, it is entered."""
    broker = app.broker()
    try:
        reports = reporter(broker)
        worker = Worker(app.definitions, broker, settings, reports, app.extensions)
        reporting = reports if isinstance(reports, AbstractAsyncContextManager) else nullcontext()
        async with _probed(worker, port), app.lifespan, reporting, worker:
            _introduce(app, settings)
            yield worker
    finally:
        await within(CLOSE_SECONDS, broker.close(), "closing the connection to the broker")


def _introduce(app: Penstock, settings: Settings) -> None:
    said = Introduction(app.name, app.url, app.namespace, settings.queues, settings.concurrency, app.definitions)
    log.info("%s", said)
    for worry in said.worries():
        log.warning("%s", worry)


def _probed(worker: Worker, port: int) -> AbstractAsyncContextManager[object]:
    if not port:
        return nullcontext()
    from penstock.worker.health import Health

    return Health(worker, port)


async def work(
    app: Penstock,
    settings: Settings,
    stop: Stop,
    *,
    port: int = 0,
    reporter: Callable[[Broker], Reporter] = _nobody,
) -> int:
    """Run `app`'s tasks until `stop`, or until it is time for a fresh process, then drain: what `process.live` runs in
    a worker's process. The exit code: 0, or RECYCLED where another process should follow."""
    watch_supervisor(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.asked.set))
    async with serving(app, settings, port=port, reporter=reporter) as worker:
        stop.running, stop.hand_back = worker.names, worker.hand_back
        await worker.until(stop.asked)
        stop.begun()
        worker.hint = stop.hint
    return 0 if stop.asked.is_set() else RECYCLED

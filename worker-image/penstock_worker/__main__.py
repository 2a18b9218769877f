"""`python -m penstock_worker`: run the pool's app until SIGTERM, then drain."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import threading
from functools import partial

from penstock import tasklog, tracing
from penstock.app import Penstock
from penstock.errors import ConfigurationError
from penstock.kube import Kube
from penstock.loading import load_app
from penstock.process import collect_seldom, run, stop_asked
from penstock.worker import TASK_THREADS, Worker
from penstock.worker import Settings as WorkerSettings
from penstock.worker.health import Health, Oversight
from penstock.worker.supervisor import CONFIGURATION, RECYCLED, Supervision, supervise, watch_supervisor
from penstock_worker.reporter import ApiReporter
from penstock_worker.settings import Settings

log = logging.getLogger("penstock.worker")


async def serve(app: Penstock, settings: Settings) -> int:
    """Work until SIGTERM or SIGINT, or until it is time for a fresh process, then drain. The exit code."""
    stop = stop_asked()
    watch_supervisor(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
    broker, kube = app.broker(), await Kube.connect()
    reporter = ApiReporter(kube, broker)
    worker = Worker(app.definitions, broker, _worker_settings(app, settings), reporter, app.extensions)
    try:
        async with Health(worker, settings.port), app.lifespan, reporter, worker:
            await worker.until(stop)
    finally:
        await broker.close()
        await kube.close()
    return 0 if stop.is_set() else RECYCLED


def _worker_settings(app: Penstock, settings: Settings) -> WorkerSettings:
    return WorkerSettings(
        settings.queues or app.queues,
        settings.concurrency,
        settings.lease_seconds,
        settings.drain_seconds,
        settings.pod,
        limits=settings.limits.jittered(random.random),
    )


async def oversee(settings: Settings) -> int:
    """Look after this pod's processes until SIGTERM or SIGINT. The exit code."""
    command = (sys.executable, "-m", "penstock_worker")
    async with Oversight(settings.port, settings.processes):
        return await supervise(Supervision(command, settings.processes, settings.drain_seconds), stop_asked())


def main() -> int:
    """Exit code 0 after a drain, CONFIGURATION where the settings can't work, RECYCLED for another to follow."""
    tasklog.configure("INFO")
    try:
        settings = Settings.from_environment()
        logging.getLogger().setLevel(settings.log_level)
        if settings.supervises:
            return run(oversee(settings))
        flush = tracing.configure("penstock-worker")
        app = load_app(settings.app)
        collect_seldom()
        code = run(serve(app, settings))
    except ConfigurationError as error:
        log.critical("%s", error)
        return CONFIGURATION
    flush()
    return code


def leave(code: int) -> None:
    """End the process. A thread that still runs a sync task can't be stopped, and Python would wait for it; its task
    was handed back, and what it returns counts no more."""
    logging.shutdown()
    if any(thread.name.startswith(TASK_THREADS) for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())

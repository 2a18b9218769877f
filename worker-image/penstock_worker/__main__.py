"""`python -m penstock_worker`: run the pool's app until SIGTERM, then drain."""

from __future__ import annotations

import logging
import os
import sys
import threading

from penstock import tracing
from penstock.app import Penstock
from penstock.errors import ConfigurationError
from penstock.kube import Kube
from penstock.loading import load_app
from penstock.process import run, stop_asked
from penstock.worker import TASK_THREADS, Worker
from penstock.worker import Settings as WorkerSettings
from penstock_worker.health import Health
from penstock_worker.reporter import ApiReporter
from penstock_worker.settings import Settings

log = logging.getLogger("penstock.worker")


async def serve(app: Penstock, settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then drain."""
    stop = stop_asked()
    broker, kube = app.broker(), await Kube.connect()
    reporter = ApiReporter(kube, broker)
    worker = Worker(app.definitions, broker, _worker_settings(app, settings), reporter)
    try:
        async with Health(worker, settings.health_port), reporter, worker:
            await stop.wait()
    finally:
        await broker.close()
        await kube.close()


def _worker_settings(app: Penstock, settings: Settings) -> WorkerSettings:
    return WorkerSettings(
        settings.queues or app.queues,
        settings.concurrency,
        settings.lease_seconds,
        settings.drain_seconds,
        settings.pod,
    )


def main() -> int:
    """Exit code 0 after a drain, 2 where the settings can't work."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = Settings.from_environment()
        logging.getLogger().setLevel(settings.log_level)
        flush = tracing.configure("penstock-worker")
        app = load_app(settings.app)
        run(serve(app, settings))
    except ConfigurationError as error:
        log.critical("%s", error)
        return 2
    flush()
    return 0


def leave(code: int) -> None:
    """End the process. A thread that still runs a sync task can't be stopped, and Python would wait for it; its task
    was handed back, and what it returns counts no more."""
    logging.shutdown()
    if any(thread.name.startswith(TASK_THREADS) for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())

"""`python -m penstock_worker`: run the pool's app until SIGTERM, then drain."""

from __future__ import annotations

import logging
import random
import sys
from functools import partial
from typing import NoReturn

from penstock import tasklog, tracing
from penstock.app import Penstock
from penstock.errors import ConfigurationError
from penstock.kube import Kube
from penstock.loading import load_app
from penstock.process import CONFIGURATION, collect_seldom, live
from penstock.serving import work
from penstock.stop import Stop
from penstock.stopping import within
from penstock.worker import Settings as WorkerSettings
from penstock.worker.supervisor import Supervision, supervise
from penstock_worker.reporter import ApiReporter
from penstock_worker.settings import Settings

log = logging.getLogger("penstock.worker")
CLOSE_SECONDS = 1.0


async def serve(app: Penstock, settings: Settings, stop: Stop) -> int:
    """Work until `stop`, or until it is time for a fresh process, then drain. The exit code."""
    kube = await Kube.connect()
    try:
        chosen = _worker_settings(app, settings)
        return await work(app, chosen, stop, port=settings.port, reporter=partial(ApiReporter, kube))
    finally:
        await within(CLOSE_SECONDS, kube.close(), "closing the connection to the API server")


def _worker_settings(app: Penstock, settings: Settings) -> WorkerSettings:
    return WorkerSettings(
        settings.queues or app.queues,
        settings.concurrency,
        settings.lease_seconds,
        settings.drain_seconds,
        settings.pod,
        limits=settings.limits.jittered(random.random),
    )


async def oversee(settings: Settings, stop: Stop) -> int:
    """Look after this pod's processes until `stop`. The exit code."""
    from penstock.worker.health import Oversight

    command = (sys.executable, "-m", "penstock_worker")
    async with Oversight(settings.port, settings.processes):
        return await supervise(Supervision(command, settings.processes, settings.drain_seconds), stop)


def main() -> NoReturn:
    """Leaves with exit code 0 after a drain, CONFIGURATION where the settings can't work, RECYCLED for another to
    follow."""
    tasklog.configure("INFO")
    try:
        settings = Settings.from_environment()
        logging.getLogger().setLevel(settings.log_level)
        if settings.supervises:
            live(partial(oversee, settings), drain_seconds=settings.drain_seconds)
        flush = tracing.configure("penstock-worker")
        app = load_app(settings.app)
        collect_seldom()
    except ConfigurationError as error:
        log.critical("%s", error)
        sys.exit(CONFIGURATION)
    live(
        partial(serve, app, settings),
        drain_seconds=settings.drain_seconds,
        flush=flush,
        supervised=settings.place is not None,
    )


if __name__ == "__main__":
    main()

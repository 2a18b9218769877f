"""`python -m penstock_worker`: run the pool's app until SIGTERM, then drain."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from penstock import tasklog
from penstock.broker import Broker
from penstock.errors import ConfigurationError
from penstock.kube import Kube
from penstock.loading import load_app
from penstock.running import run_worker
from penstock.worker import TASK_THREADS
from penstock.worker.supervisor import CONFIGURATION
from penstock_worker.reporter import ApiReporter
from penstock_worker.settings import app_target, worker_environment

log = logging.getLogger("penstock.worker")


@asynccontextmanager
async def reporting(broker: Broker) -> AsyncGenerator[ApiReporter, None]:
    """Tells the API server how Tasks stand."""
    kube = await Kube.connect()
    try:
        async with ApiReporter(kube, broker) as reporter:
            yield reporter
    finally:
        await kube.close()


def main() -> int:
    """Exit code 0 after a drain, CONFIGURATION where the settings can't work, RECYCLED for another to follow."""
    tasklog.configure("INFO")
    try:
        target = app_target(os.environ)
        return run_worker(partial(load_app, target), {}, worker_environment(os.environ), reporting)
    except ConfigurationError as error:
        log.critical("%s", error)
        return CONFIGURATION


def leave(code: int) -> None:
    """End the process. A thread that still runs a sync task can't be stopped, and Python would wait for it; its task
    was handed back, and what it returns counts no more."""
    logging.shutdown()
    if any(thread.name.startswith(TASK_THREADS) for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())

"""`python -m penstock_worker`: run the pool's app until SIGTERM, then drain."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn

from penstock import tasklog
from penstock.broker import Broker
from penstock.errors import ConfigurationError
from penstock.kube import Kube
from penstock.loading import load_app
from penstock.process import CONFIGURATION
from penstock.running import run_worker
from penstock.stopping import within
from penstock_worker.reporter import ApiReporter
from penstock_worker.settings import app_target, worker_environment

log = logging.getLogger("penstock.worker")
CLOSE_SECONDS = 1.0


@asynccontextmanager
async def reporting(broker: Broker) -> AsyncGenerator[ApiReporter, None]:
    """Tells the API server how Tasks stand."""
    kube = await Kube.connect()
    try:
        async with ApiReporter(kube, broker) as reporter:
            yield reporter
    finally:
        await within(CLOSE_SECONDS, kube.close(), "closing the connection to the API server")


def main() -> NoReturn:
    """Leaves with exit code 0 after a drain, CONFIGURATION where the settings can't work, RECYCLED for another to
    follow."""
    tasklog.configure("INFO")
    try:
        target = app_target(os.environ)
        run_worker(partial(load_app, target), {}, worker_environment(os.environ), reporting)
    except ConfigurationError as error:
        log.critical("%s", error)
        sys.exit(CONFIGURATION)


if __name__ == "__main__":
    main()

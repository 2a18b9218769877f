"""A worker as a process of its own, whoever starts it: `penstock worker`, `app.run_worker()` or the container."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from penstock import tasklog, tracing
from penstock.errors import ConfigurationError
from penstock.process import CONFIGURATION, collect_seldom, live
from penstock.serving import Reporting, Served, engine, nobody, work
from penstock.stop import Stop
from penstock.worker.supervisor import PLACE, Supervision, supervise
from penstock.worker_settings import WorkerSettings, chosen, from_environment

__all__ = ["run_worker"]

log = logging.getLogger("penstock.worker")

# With these the supervisor needn't import the app, which may take long and much memory, to know what to do.
SUPERVISORS = frozenset({"processes", "drain_seconds", "health_port"})


@dataclass(frozen=True, slots=True)
class Life:
    """What a process is for, until it is told to stop, and how long a drain may take."""

    work: Callable[[Stop], Coroutine[object, object, int]]
    drain_seconds: float
    flush: Callable[[], object] = lambda: None


def run_worker(
    find: Callable[[], Served],
    said: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    reporting: Reporting = nobody,
) -> NoReturn:
    """Run the app that `find` imports until SIGTERM or SIGINT, then drain and leave the process. Takes the main thread,
    its event loop and those signals. Where there are several processes, or such as are replaced, this one looks after
    them: they run the same command as this one. Raises ConfigurationError before any of that; in a supervised process
    it leaves with CONFIGURATION instead: another try of the supervisor's wouldn't help."""
    _refuse_where_it_cannot_run()
    place = int(os.environ[PLACE]) if PLACE in os.environ else None
    try:
        life = _life(find, from_environment(environment) | dict(said), place, reporting)
    except ConfigurationError as error:
        if place is None:
            raise
        log.critical("%s", error)
        sys.exit(CONFIGURATION)
    live(life.work, drain_seconds=life.drain_seconds, flush=life.flush, supervised=place is not None)


def _life(find: Callable[[], Served], told: Mapping[str, Any], place: int | None, reporting: Reporting) -> Life:
    early = chosen(WorkerSettings(), told, {})
    tasklog.configure(early.log_level)
    if place is None and early.supervises and told.keys() >= SUPERVISORS:
        return Life(partial(_oversee, early), early.drain_seconds)
    flush = tracing.configure("penstock-worker")
    app = find()
    settings = chosen(app.worker_settings, told, {})
    tasklog.configure(settings.log_level)
    if place is None and settings.supervises:
        return Life(partial(_oversee, settings), settings.drain_seconds)
    collect_seldom()
    port = settings.port(place)
    return Life(
        partial(work, app, engine(app, settings), port=port, reporting=reporting), settings.drain_seconds, flush
    )


def _refuse_where_it_cannot_run() -> None:
    remedy = "inside another program use `async with app.worker():`, which takes no signals"
    if threading.current_thread() is not threading.main_thread():
        raise ConfigurationError(f"run_worker() takes signals, so it runs in the main thread only; {remedy}")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError(f"run_worker() runs an event loop of its own, and here one runs already; {remedy}")


async def _oversee(settings: WorkerSettings, stop: Stop) -> int:
    command = (sys.executable, *sys.orig_argv[1:])
    async with _oversight(settings):
        return await supervise(Supervision(command, settings.processes, settings.drain_seconds), stop)


def _oversight(settings: WorkerSettings) -> AbstractAsyncContextManager[object]:
    if not settings.health_port:
        return nullcontext()
    from penstock.worker.health import Oversight

    return Oversight(settings.health_port, settings.processes)

"""A worker as a process of its own, whoever starts it: `penstock worker`, `app.run_worker()` or the container."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any

from penstock import tasklog, tracing
from penstock.errors import ConfigurationError
from penstock.process import collect_seldom, run, stop_asked
from penstock.serving import Reporting, Served, engine, nobody, serving
from penstock.worker.supervisor import CONFIGURATION, PLACE, RECYCLED, Supervision, supervise, watch_supervisor
from penstock.worker_settings import WorkerSettings, chosen, from_environment

__all__ = ["run_worker"]

log = logging.getLogger("penstock.worker")

# With these the supervisor needn't import the app, which may take long and much memory, to know what to do.
SUPERVISORS = frozenset({"processes", "drain_seconds", "health_port"})


def run_worker(
    find: Callable[[], Served],
    said: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    reporting: Reporting = nobody,
) -> int:
    """Run the app that `find` imports until SIGTERM or SIGINT, then drain. Takes the main thread, its event loop and
    those signals. Where there are several processes, or such as are replaced, this one looks after them: they run the
    same command as this one. The exit code: 0 after a drain, RECYCLED where the supervisor should start another."""
    _refuse_where_it_cannot_run()
    place = int(os.environ[PLACE]) if PLACE in os.environ else None
    try:
        return _run(find, from_environment(environment) | dict(said), place, reporting)
    except ConfigurationError as error:
        if place is None:
            raise
        log.critical("%s", error)
        return CONFIGURATION  # another try of the supervisor's wouldn't help


def _run(find: Callable[[], Served], told: Mapping[str, Any], place: int | None, reporting: Reporting) -> int:
    early = chosen(WorkerSettings(), told, {})
    tasklog.configure(early.log_level)
    if place is None and early.supervises and told.keys() >= SUPERVISORS:
        return run(_oversee(early))
    flush = tracing.configure("penstock-worker")
    app = find()
    settings = chosen(app.worker_settings, told, {})
    tasklog.configure(settings.log_level)
    if place is None and settings.supervises:
        return run(_oversee(settings))
    collect_seldom()
    code = run(_work(app, settings, settings.port(place), reporting))
    flush()
    return code


def _refuse_where_it_cannot_run() -> None:
    remedy = "inside another program use `async with app.worker():`, which takes no signals"
    if threading.current_thread() is not threading.main_thread():
        raise ConfigurationError(f"run_worker() takes signals, so it runs in the main thread only; {remedy}")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError(f"run_worker() runs an event loop of its own, and here one runs already; {remedy}")


async def _oversee(settings: WorkerSettings) -> int:
    command = (sys.executable, *sys.orig_argv[1:])
    async with _oversight(settings):
        return await supervise(Supervision(command, settings.processes, settings.drain_seconds), stop_asked())


def _oversight(settings: WorkerSettings) -> AbstractAsyncContextManager[object]:
    if not settings.health_port:
        return nullcontext()
    from penstock.worker.health import Oversight

    return Oversight(settings.health_port, settings.processes)


async def _work(app: Served, settings: WorkerSettings, port: int, reporting: Reporting) -> int:
    stop = stop_asked()
    watch_supervisor(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
    async with serving(app, engine(app, settings), port=port, reporting=reporting) as worker:
        await worker.until(stop)
    return 0 if stop.is_set() else RECYCLED

"""Several worker processes of one command: started, watched, replaced, and ended together."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from asyncio.subprocess import Process
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from penstock.process import CONFIGURATION
from penstock.stop import Stop

__all__ = [
    "CONFIGURATION",
    "PLACE",
    "RECYCLED",
    "SUPERVISED",
    "Next",
    "Supervision",
    "after",
    "supervise",
    "watch_supervisor",
]

log = logging.getLogger("penstock.worker")
RECYCLED = 75  # exit code of a worker that has done its share (EX_TEMPFAIL: come again)
NOT_STARTED = 126  # as a shell says it
SUPERVISED = "PENSTOCK_SUPERVISOR_FD"
PLACE = "PENSTOCK_PLACE"  # the number of a supervised process, from 0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # one that lived so long was all right: the pauses start anew
END_SECONDS = 9.5  # beyond the drain; a worker leaves a little earlier by itself
KILLED_SECONDS = 5.0  # for the kernel to end what was killed


@dataclass(frozen=True, slots=True)
class Supervision:
    """What to run, how often, and how many seconds a drain may take."""

    command: Sequence[str]
    processes: int
    drain_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a place whose process ended: another one after `pause` seconds, or none if `stop`."""

    pause: float = 0.0
    failures: int = 0
    stop: bool = False


def after(code: int, lived: float, failures: int) -> Next:
    """What to do after a process ended by itself with `code`, `lived` seconds old, as the last of `failures` in a
    row before it."""
    if code == CONFIGURATION:
        return Next(stop=True)
    if code == RECYCLED:
        return Next()
    before = 0 if lived >= STEADY_SECONDS else failures
    doublings = min(before, 10)  # a float ends somewhere; the longest pause was reached long before
    return Next(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**doublings), before + 1)


async def supervise(settings: Supervision, stop: Stop) -> int:
    """Run the processes until `stop`, or until one says that its settings can't work, then let all drain: they have
    `drain_seconds` and END_SECONDS, then they are killed. 0, or CONFIGURATION."""
    living = set[Process]()
    stop.running = lambda: [f"worker process {process.pid}" for process in living]
    stop.hand_back = partial(_terminate, living)  # their first SIGTERM asked them to drain
    reading, writing = os.pipe()  # closed by our death, however that happens: the children see it
    try:
        told = [{**os.environ, SUPERVISED: str(reading), PLACE: str(number)} for number in range(settings.processes)]
        places = [
            asyncio.create_task(_keep(settings, one, reading, living), name=f"penstock place {one[PLACE]}")
            for one in told
        ]
        return await _first(places, asyncio.create_task(stop.asked.wait(), name="penstock stop"))
    finally:
        os.close(reading)
        os.close(writing)


async def _first(places: Sequence[asyncio.Task[int]], asked: asyncio.Task[bool]) -> int:
    """The code of the first place that gives up, or 0 if it was asked to. Then none runs any more."""
    tasks: list[asyncio.Task[int] | asyncio.Task[bool]] = [asked, *places]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        given_up = [place for place in places if place.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # each ends its process, which takes no longer than that may take to drain
    return given_up[0].result() if given_up else 0


def _terminate(living: Iterable[Process]) -> None:
    for process in living:
        with suppress(ProcessLookupError):
            process.terminate()


async def _keep(settings: Supervision, environment: Mapping[str, str], lifeline: int, living: set[Process]) -> int:
    """Keep one process running until there is no use in another one; the exit code of the last."""
    clock, failures = asyncio.get_running_loop().time, 0
    while True:
        began = clock()
        code = await _live(settings, environment, lifeline, living)
        then = after(code, clock() - began, failures)
        if then.stop:
            return code
        level = logging.WARNING if then.failures else logging.INFO
        log.log(level, "worker process %s ended with %d; another in %g s", environment[PLACE], code, then.pause)
        failures = then.failures
        await asyncio.sleep(then.pause)


async def _live(settings: Supervision, environment: Mapping[str, str], lifeline: int, living: set[Process]) -> int:
    """The exit code of one process, from start to end. If this is cancelled, it is ended."""
    try:
        process = await asyncio.create_subprocess_exec(*settings.command, env=environment, pass_fds=[lifeline])
    except OSError as error:  # such as too many processes: that passes
        log.error("a worker process can't be started: %s", error)
        return NOT_STARTED
    living.add(process)
    try:
        return await process.wait()
    finally:
        await _end(process, settings.drain_seconds + END_SECONDS)
        living.discard(process)


async def _end(process: Process, patience: float) -> None:
    for signal, seconds in ((process.terminate, patience), (process.kill, KILLED_SECONDS)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            signal()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
            return
        log.warning("worker process %d goes on %g s after it was told to end", process.pid, seconds)


def watch_supervisor(stop: Callable[[], object]) -> None:
    """In a supervised process: call `stop`, from a thread, once the supervisor is gone. Elsewhere nothing happens.

    The variables are taken out of the environment: they mean nothing to processes that this one starts.
    """
    os.environ.pop(PLACE, None)
    if lifeline := os.environ.pop(SUPERVISED, ""):
        threading.Thread(target=_watch, args=(int(lifeline), stop), name="penstock-lifeline", daemon=True).start()


def _watch(lifeline: int, stop: Callable[[], object]) -> None:
    os.set_inheritable(lifeline, False)
    os.read(lifeline, 1)  # nobody writes: it returns when the other end is closed
    stop()

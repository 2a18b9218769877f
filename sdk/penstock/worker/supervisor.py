"""Several worker processes of one command: started, watched, replaced, and ended together."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
CONFIGURATION = 2  # exit code of a worker whose settings can't work: starting it again wouldn't help
SUPERVISED = "PENSTOCK_SUPERVISOR_FD"
PLACE = "PENSTOCK_PLACE"  # the number of a supervised process, from 0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # one that lived so long was all right: the pauses start anew
END_SECONDS = 10.0  # beyond the drain


@dataclass(frozen=True, slots=True)
class Supervision:
    """What to run, how often, and how long a drain may take."""

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
    return Next(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**before), before + 1)


async def supervise(settings: Supervision, stop: asyncio.Event) -> int:
    """Run the processes until `stop`, then let them drain. 0, or CONFIGURATION where they can't work."""
    reading, writing = os.pipe()  # closed by our death, however that happens: the children see it
    hopeless = asyncio.Event()
    places = [
        asyncio.create_task(_place(settings, {SUPERVISED: str(reading), PLACE: str(number)}, stop, hopeless))
        for number in range(settings.processes)
    ]
    try:
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(hopeless.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        stop.set()
        await asyncio.gather(*places)
    finally:
        os.close(reading)
        os.close(writing)
    return CONFIGURATION if hopeless.is_set() else 0


async def _place(settings: Supervision, told: dict[str, str], stop: asyncio.Event, hopeless: asyncio.Event) -> None:
    """Keep one process alive until `stop`."""
    clock, failures = asyncio.get_running_loop().time, 0
    while not stop.is_set():
        began = clock()
        process = await asyncio.create_subprocess_exec(
            *settings.command, env={**os.environ, **told}, pass_fds=[int(told[SUPERVISED])]
        )
        code = await _ended(process, stop, settings.drain_seconds + END_SECONDS)
        if stop.is_set():
            break
        then = after(code, clock() - began, failures)
        if then.stop:
            hopeless.set()
            break
        failures = then.failures
        log.info("worker process %d ended with code %d; another in %.1f s", process.pid, code, then.pause)
        await _sleep(then.pause, stop)


async def _ended(process: Process, stop: asyncio.Event, patience: float) -> int:
    """Its exit code, once it ended by itself or, after `stop`, was ended."""
    ending, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            process.terminate()
            await asyncio.wait([ending], timeout=patience)
        if not ending.done():
            log.warning("worker process %d didn't drain in %.0f s: killed", process.pid, patience)
            process.kill()
        return await ending
    finally:
        stopping.cancel()


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


def watch_supervisor(stop: Callable[[], object]) -> None:
    """In a supervised process: call `stop`, from a thread, once the supervisor is gone. Elsewhere nothing happens."""
    if lifeline := os.environ.get(SUPERVISED):
        threading.Thread(target=_watch, args=(int(lifeline), stop), name="penstock-lifeline", daemon=True).start()


def _watch(lifeline: int, stop: Callable[[], object]) -> None:
    os.read(lifeline, 1)  # nobody writes: it returns when the other end is closed
    stop()

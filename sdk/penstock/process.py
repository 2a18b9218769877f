"""What every long-lived process of ours does alike: its event loop, the signals that ask it to stop, and its end."""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import NoReturn, TextIO, TypeVar

from penstock.errors import ConfigurationError, PenstockError
from penstock.signals import NUMBERS, Watch, flush_output
from penstock.stop import Stop
from penstock.stopping import let_go

__all__ = ["CONFIGURATION", "END_SECONDS", "collect_seldom", "live", "run", "stop_asked"]

log = logging.getLogger("penstock.worker")
# Python's own (700, 10, 10) looks through everything that lives again and again while thousands of spans wait to be
# exported: a fifth of a traced task's time. Garbage in cycles may grow to some MB instead.
COLLECT_AFTER = (10_000, 10, 10)
CONFIGURATION = 2  # exit code of a process whose settings can't work: starting it again wouldn't help
FAILED = 1
END_SECONDS = 9.0  # beyond the drain: then it leaves, whatever still runs
REST_SECONDS = 0.5  # for tasks of the loop that nobody has ended

R = TypeVar("R")


def collect_seldom() -> None:
    """Tune the garbage collector for a worker: call it once all is imported, which is then never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def run(work: Coroutine[object, object, R]) -> R:
    """Run a process's work on uvloop, or on asyncio's own loop where that extra isn't installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def stop_asked() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, from now on. For small programs: what runs others' code uses `live`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def live(
    work: Callable[[Stop], Coroutine[object, object, int]],
    *,
    drain_seconds: float = 0.0,
    flush: Callable[[], object] = lambda: None,
    supervised: bool = False,
) -> NoReturn:
    """Run `work` as what this process is for, and leave with the exit code that it returns: the one way in which ours
    end. For the main thread of a process that nobody else needs afterwards.

    The first SIGTERM or SIGINT sets `Stop.asked`, the second calls `Stop.hand_back`, the third ends the process at once
    with 128 and its number. After `drain_seconds` and END_SECONDS it ends in any case: no thread, coroutine, lifespan
    or exporter holds it. `flush` is called at the end. Where it is `supervised`, its supervisor hears SIGINT for it.
    """
    stop = Stop()
    watch = Watch(stop, drain_seconds + END_SECONDS, (signal.SIGTERM,) if supervised else NUMBERS)
    loop = _new_loop()
    asyncio.set_event_loop(loop)
    code = _lived(loop, loop.create_task(_whole(work, stop, watch), name="penstock process"))
    watch.hold()
    watch.bound()
    loop.close()
    with suppress(Exception):
        flush()
    _leave(code)


async def _whole(work: Callable[[Stop], Coroutine[object, object, int]], stop: Stop, watch: Watch) -> int:
    """The work, and the end of what it has left on the loop. The exit code."""
    watch.start()
    try:
        return await work(stop)
    except PenstockError as error:
        log.critical("%s", error)
        return CONFIGURATION if isinstance(error, ConfigurationError) else FAILED
    except Exception:
        log.critical("the process failed", exc_info=True)
        return FAILED
    finally:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        await let_go(rest, REST_SECONDS)


def _lived(loop: asyncio.AbstractEventLoop, whole: asyncio.Task[int]) -> int:
    """Run the loop until `whole` has ended. asyncio ends a loop in which any task raises one of the two exceptions
    below: a task's helper mustn't end the worker by that."""
    while True:
        try:
            return loop.run_until_complete(whole)
        except (KeyboardInterrupt, SystemExit) as error:
            if whole.done():
                return FAILED
            log.error("a coroutine beside the tasks raised %r: ignored", error)
        except RuntimeError:
            if whole.done():
                raise
            log.error("a task has stopped the event loop of its worker: ignored")


def _leave(code: int) -> NoReturn:
    """End the process. Python would wait for threads: one that runs a sync task can't be stopped, and its task was
    handed back. What was registered with atexit runs in any case."""
    left = [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    if not left and _open(sys.stdout) and _open(sys.stderr):  # Python's own end would fail on closed ones
        sys.exit(code)
    if left:
        log.info("leaving without waiting for the threads %s", ", ".join(left))
    atexit._run_exitfuncs()
    flush_output()
    os._exit(code)


def _open(stream: TextIO | None) -> bool:
    """Whether a task has left it as it was."""
    return stream is not None and not stream.closed

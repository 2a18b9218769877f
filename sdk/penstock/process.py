"""What every long-lived process of ours does alike: its event loop, and the signals that ask it to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine
from typing import TypeVar

__all__ = ["collect_seldom", "run", "stop_asked"]

# Python's own (700, 10, 10) looks through everything that lives again and again while thousands of spans wait to be
# exported: a fifth of a traced task's time. Garbage in cycles may grow to some MB instead.
COLLECT_AFTER = (10_000, 10, 10)

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


def stop_asked() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop

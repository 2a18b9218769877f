"""What every long-lived process of ours does alike: its event loop, and the signals that ask it to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

__all__ = ["run", "stop_asked"]


R = TypeVar("R")


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

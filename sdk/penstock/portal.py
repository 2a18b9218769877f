"""An event loop in a thread, for sync callers: everything that they await runs there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from penstock import native
from penstock.errors import ConfigurationError

__all__ = ["Portal"]

R = TypeVar("R")


class Portal:
    """One loop, started with the first call. A daemon: it doesn't keep the process alive. A forked child, which has no
    threads of its parent's, begins anew."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        _portals.add(self)

    def run(self, work: Coroutine[Any, Any, R], instead: str) -> R:
        """Run `work` and wait for it. Inside a running loop that would block it: use `instead`."""
        if _loop_here() is None:
            return native.result(self._running(), work)
        work.close()
        raise ConfigurationError(f"an event loop is running here, and a sync call would block it: use {instead}")

    def run_blocking(self, work: Coroutine[Any, Any, R]) -> R:
        """The same where a loop is running, too: it stands still meanwhile, and this one does the work."""
        running = self._running()
        if _loop_here() is not running:
            return native.result(running, work)
        work.close()
        raise ConfigurationError(
            "this code runs on the loop that sends for sync callers (in a middleware's send, say), which would wait "
            "for itself: use await ….enqueue(…)"
        )

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = native.started_loop("penstock-sync")
            return self._loop

    def _forked(self) -> None:
        """In a child. The parent's loop is kept, for what ends it would end the parent's connections; the lock may be
        held by a thread that isn't there."""
        _left.append(self._loop)
        self._loop, self._lock = None, threading.Lock()


_portals: WeakSet[Portal] = WeakSet()
_left: list[asyncio.AbstractEventLoop | None] = []


def _after_fork() -> None:
    for portal in list(_portals):
        portal._forked()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _loop_here() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

"""An event loop in a thread, for sync callers: everything that they await runs there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import TypeVar
from weakref import WeakSet

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

    def run(self, work: Coroutine[object, object, R], instead: str) -> R:
        """Run `work` and wait for it. Inside a running loop that would block it: use `instead`."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run_coroutine_threadsafe(work, self._running()).result()
        work.close()
        raise ConfigurationError(f"an event loop is running here, and a sync call would block it: use {instead}")

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="penstock-sync", daemon=True).start()
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

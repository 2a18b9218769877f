"""A task that forks in the worker's own process. Its child may do whatever it likes, and has to leave by itself: by
`os._exit`, or by another program. If it returns instead, it would go on as a second worker on the same connections,
and read the other's replies. So it ends where it comes back to us.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import suppress
from weakref import WeakValueDictionary

__all__ = ["leave_child", "working_here"]

log = logging.getLogger("penstock.worker")
LEFT = 1  # exit code; who wants another leaves by os._exit


class _Here:
    """What this process is."""

    def __init__(self) -> None:
        self.loops: WeakValueDictionary[int, asyncio.AbstractEventLoop] = WeakValueDictionary()  # of workers, by thread
        self.child = False  # of a worker's process

    def forked(self) -> None:
        """In the child."""
        if not self.loops:
            return
        loop, self.child = self.loops.get(threading.get_ident()), True
        self.loops.clear()
        if loop is not None and not loop.is_closed():
            loop.call_soon(leave_child)  # if the child awaits, it comes back to us by this


_here = _Here()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_here.forked)


def working_here() -> None:
    """A worker begins in the running loop, perhaps in a child that was forked for it."""
    _here.child = False
    _here.loops[threading.get_ident()] = asyncio.get_running_loop()


def leave_child() -> None:
    """End this process if it is such a child: what it has just done was the task's."""
    if _here.child:
        with suppress(Exception):
            log.warning("a process that a task has forked is ended: let it leave by os._exit(…)")
        os._exit(LEFT)

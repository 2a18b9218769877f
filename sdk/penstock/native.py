"""Event loops in threads of the operating system's, also where gevent has replaced Python's threads.

Under `gevent.monkey.patch_all()` a `threading.Thread` is a greenlet of its starter's thread. A loop that runs in it
counts as running for everybody in that thread: asyncio, Django's ORM and each further call refuse to work. So there the
loop gets a native thread, and callers wait by gevent's means, so that other greenlets go on meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from penstock.errors import NotConnected

__all__ = ["patched", "result", "started_loop"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")
Loop = asyncio.AbstractEventLoop


def patched() -> bool:
    """Whether gevent has replaced this process's threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def started_loop(name: str) -> Loop:
    """A new loop that runs in a daemon thread of that name."""
    if patched():
        loop = _loop_under_gevent()
        _start(loop.run_forever)
    else:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
    return loop


def result(loop: Loop, work: Coroutine[Any, Any, R]) -> R:
    """Run `work` on a loop of another thread, and wait for it here. Raises NotConnected at the interpreter's end, as in
    a `__del__`: Python has stopped that thread."""
    if sys.is_finalizing():
        work.close()
        raise NotConnected("the interpreter is ending, and nothing can be sent any more: use atexit, or send before")
    return _awaited_by_greenlet(loop, work) if patched() else asyncio.run_coroutine_threadsafe(work, loop).result()


# --- under gevent -----------------------------------------------------------------------------------------------------


def _start(work: Callable[[], object]) -> None:
    from gevent.monkey import get_original

    get_original("_thread", "start_new_thread")(work, ())


def _loop_under_gevent() -> Loop:
    """With the selector that gevent has replaced: its own ends a loop that waits for other threads only."""
    from gevent.monkey import get_original

    class NativeLoop(asyncio.SelectorEventLoop):
        def run_in_executor(self, executor: object, func: Callable[[*Ts], R], *args: *Ts) -> asyncio.Future[R]:
            """In a native thread: a greenlet of this one would wait for this loop, which waits for it."""
            future: asyncio.Future[R] = self.create_future()
            _start(partial(_work_for, future, partial(func, *args)))
            return future

    return NativeLoop(get_original("selectors", "DefaultSelector")())


def _work_for(future: asyncio.Future[R], work: Callable[[], R]) -> None:
    import gevent

    try:
        tell: Callable[[], None] = partial(future.set_result, work())
    except BaseException as error:
        tell = partial(future.set_exception, error)
    finally:
        gevent.get_hub().destroy(destroy_loop=True)  # what it has used of gevent, with two file descriptors
    with suppress(RuntimeError):  # its loop is closed
        future.get_loop().call_soon_threadsafe(lambda: None if future.cancelled() else tell())


def _awaited_by_greenlet(loop: Loop, work: Coroutine[Any, Any, R]) -> R:
    """Without concurrent.futures: gevent's locks, which those would use, are for the greenlets of one thread."""
    import gevent
    from gevent.event import Event

    ended, bell = Event(), gevent.get_hub().loop.async_()  # `bell.send` is all that the other thread calls of gevent
    found: list[asyncio.Task[R]] = []

    def start() -> None:
        found.append(loop.create_task(work))
        found[0].add_done_callback(lambda _: bell.send())

    def rung() -> None:
        bell.stop()
        bell.close()
        ended.set()

    def cancel() -> None:
        found[0].cancel()

    bell.start(rung)
    loop.call_soon_threadsafe(start)
    try:
        ended.wait()
    except BaseException:  # gevent.Timeout, or somebody killed this greenlet
        loop.call_soon_threadsafe(cancel)
        raise
    return found[0].result()

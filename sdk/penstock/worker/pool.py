"""Threads that take calls one after another: many short ones cost few wake-ups."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

__all__ = ["Pool"]

P = ParamSpec("P")
R = TypeVar("R")


class Pool(ThreadPoolExecutor):
    """An executor whose threads each serve the queue until it is empty. One thread at a time is on its way to it. That
    calls the next before it begins a call, as its own may block: so calls run side by side as far as they block, and
    those that don't run in one thread, without a switch between them."""

    def __init__(self, places: int, name: str = "") -> None:
        """`places`: how many calls may run at a time."""
        super().__init__(places, thread_name_prefix=name)
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._queue = threading.Lock()
        self._coming = False

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """See Executor."""
        future: Future[R] = Future()
        call = (future, partial(fn, *args, **kwargs))
        with self._queue:
            self._calls.append(call)
            try:
                self._call_one()
            except RuntimeError:  # it is shut down, or there can't be another thread
                self._calls.remove(call)
                raise
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See Executor."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        while cancel_futures and (call := self._next()) is not None:
            call[0].cancel()
        super().shutdown(wait)

    def _call_one(self) -> None:
        """Have a thread come, if there is something to do. Raises RuntimeError."""
        if self._calls and not self._coming:
            super().submit(self._serve)
            self._coming = True

    def _serve(self) -> None:
        """What a thread does that has come."""
        self._coming = False
        while (call := self._next()) is not None:
            _run(*call)
            del call  # a thread that waits must not hold on to arguments and results

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._queue:
            if not self._calls:
                return None
            call = self._calls.popleft()
            with suppress(RuntimeError):  # then this thread serves the others, too
                self._call_one()
            return call


def _run(future: Future[R], work: Callable[[], R]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
        del future  # the error's traceback has this frame: a circle that the collector would have to find
    else:
        future.set_result(result)

"""Threads that take calls one after another: many short ones cost few wake-ups."""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Generic, ParamSpec, Protocol, TypeVar

from penstock.worker.forks import leave_child

__all__ = ["Pool", "Work"]

P = ParamSpec("P")
R = TypeVar("R")


class Work(Protocol):
    """What a thread does. It raises nothing: who waits hears of it."""

    def __call__(self) -> None:
        """Do it, unless it was withdrawn."""

    def give_up(self, error: BaseException) -> None:
        """Nobody could do it. From any thread."""


class Pool(ThreadPoolExecutor):
    """An executor whose threads each serve the queue until it is empty. One thread at a time is on its way to it. That
    calls the next before it begins, as what it does may block: so work is done side by side as far as it blocks, and
    what doesn't is done by one thread, without a switch in between."""

    def __init__(self, places: int, name: str = "") -> None:
        """`places`: how much may be done at a time."""
        super().__init__(places, thread_name_prefix=name)
        self._works: deque[Work] = deque()
        self._queue = threading.Lock()
        self._coming = False
        self._closed = False

    def take(self, work: Work) -> None:
        """Have it done. Raises RuntimeError if this is shut down, or there can't be another thread."""
        with self._queue:
            if self._closed:
                raise RuntimeError("the threads are shut down: they take no more work")
            self._works.append(work)
            try:
                self._call_one()
            except RuntimeError:
                self._works.remove(work)
                raise

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """See Executor."""
        submitted = _Submitted(self.around(partial(fn, *args, **kwargs)))
        self.take(submitted)
        return submitted.future

    def around(self, function: Callable[[], R]) -> Callable[[], R]:
        """What is to be called instead of a function: here that itself."""
        return function

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See Executor."""
        with self._queue:
            self._closed = True
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        while cancel_futures and (work := self._next()) is not None:
            work.give_up(CancelledError("the threads are shut down"))
        super().shutdown(wait)

    def _call_one(self) -> None:
        """Have a thread come, if there is something to do. Raises RuntimeError."""
        if not self._works or self._coming:
            return
        self._coming = True
        try:
            super().submit(self._serve)
        except RuntimeError:
            self._coming = False
            raise

    def _serve(self) -> None:
        """What a thread does that has come."""
        self._coming = False
        while (work := self._next()) is not None:
            work()
            leave_child()
            del work  # a thread that waits mustn't hold on to arguments and results

    def _next(self) -> Work | None:
        with self._queue:
            if not self._works:
                return None
            work = self._works.popleft()
            with suppress(RuntimeError):  # then this thread does the rest, too
                self._call_one()
            return work


class _Submitted(Generic[R]):
    """Work for who waits for a Future."""

    def __init__(self, function: Callable[[], R]) -> None:
        self.future: Future[R] = Future()
        self._function = function

    def __call__(self) -> None:
        """See Work."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._function())
        except BaseException as error:
            self.future.set_exception(error)

    def give_up(self, error: BaseException) -> None:
        """See Work."""
        if not self.future.cancel() and not self.future.done():
            self.future.set_exception(error)

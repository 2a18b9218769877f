"""Who waits for what it has enqueued, and runs the functions of that meanwhile: a thread, or an async caller."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from penstock.family import running
from penstock.portal import Portal
from penstock.worker import databases
from penstock.worker.pool import Pool, Work

__all__ = ["Caller", "CallersThreads", "InlinePortal", "caller_here"]

R = TypeVar("R")
_caller: ContextVar[Caller | None] = ContextVar("penstock_inline_caller", default=None)


class Caller(Protocol):
    """Takes work while it waits."""

    def take(self, piece: Work) -> None:
        """Run it. From any thread."""

    def interrupt(self) -> None:
        """Ctrl-C came while a function ran in this caller's thread: it is meant for the caller, too."""


class _Thread:
    """A sync caller. One a thread: where its task enqueues another, the inner wait does the outer's work, too."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._interrupted = False

    def take(self, piece: Work) -> None:
        """See Caller."""
        self._pieces.put(piece)

    def interrupt(self) -> None:
        """See Caller."""
        self._interrupted = True

    def work_until(self, done: Future[R]) -> R:
        """What the future has in the end. Raises KeyboardInterrupt where a function was interrupted."""
        done.add_done_callback(lambda _: self._pieces.put(lambda: None))
        while not done.done():
            self._pieces.get()()
            if self._interrupted:
                self._interrupted = False
                raise KeyboardInterrupt
        return done.result()


class _Async:
    """An async caller in a project of Django's: its sync code, with its transaction, is in the thread that
    `sync_to_async` finds from here."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._works: set[asyncio.Task[None]] = set()

    def take(self, piece: Work) -> None:
        """See Caller."""
        self._loop.call_soon_threadsafe(self._start, piece, context=self._context)

    def interrupt(self) -> None:
        """See Caller. The thread that waits for the event loop has heard of it, for it isn't this one."""

    def _start(self, piece: Work) -> None:
        work = self._loop.create_task(self._run(piece))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    async def _run(self, piece: Work) -> None:
        from asgiref.sync import sync_to_async

        try:
            await sync_to_async(piece)()
        except BaseException as error:  # asgiref's own: what the piece raises is in its future
            piece.give_up(error)
            if isinstance(error, asyncio.CancelledError):
                raise


def caller_here() -> Caller | None:
    """Whose call this is. None: async code that has no thread of its own for sync code."""
    return _caller.get() or (_Async() if databases.used() else None)


class InlinePortal(Portal):
    """An app's own portal, whose callers do their tasks' work while they wait."""

    def __init__(self, own: Portal) -> None:
        super().__init__()
        self._own = own
        self._threads = threading.local()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that it runs everything on."""
        return self._own._running()

    def _running(self) -> asyncio.AbstractEventLoop:
        return self.loop

    def run(self, work: Coroutine[Any, Any, R], instead: str) -> R:
        """See Portal."""
        if asyncio._get_running_loop() is not None:
            return super().run(work, instead)
        here: _Thread = self._threads.__dict__.setdefault("caller", _Thread())
        token = _caller.set(here)
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        finally:
            _caller.reset(token)
        return here.work_until(future)


class CallersThreads(Pool):
    """A worker's threads: a function runs in the thread of who has enqueued its task, if that waits for it."""

    def __init__(self, owners: dict[str, Caller]) -> None:
        super().__init__(64, "penstock-inline")
        self._owners = owners

    def take(self, work: Work) -> None:
        """See Pool."""
        owner = self._owner()
        if owner is None:
            super().take(work)
        else:
            owner.take(work)

    def around(self, function: Callable[[], R]) -> Callable[[], R]:
        """See Pool."""
        owner = self._owner()
        return function if owner is None else partial(_heard, owner, function)

    def _owner(self) -> Caller | None:
        """Of the task whose attempt this is; of one that no caller knows, a later call of a flow, the last caller."""
        lease = running.get()
        own = self._owners.get(lease.id) if lease is not None else None
        return own or next(reversed(self._owners.values()), None)


def _heard(owner: Caller, function: Callable[[], R]) -> R:
    """What the function returns; its caller hears of a Ctrl-C."""
    try:
        return function()
    except KeyboardInterrupt:
        owner.interrupt()
        raise

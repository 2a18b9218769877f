"""A plain function's way to a thread and back. Many that end at a time come back with one wake-up of the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["Hop"]

R = TypeVar("R")
_NOTHING: Any = object()


class Hop(Generic[R]):
    """One call, for `Pool.take`. Begun from the event loop that waits for it. It has no more than it needs: a Future of
    either kind, with its lock and callbacks, costs as much as all of this."""

    __slots__ = ("_arrival", "_arrivals", "_error", "_function", "_turn", "_value", "_variables", "over")

    def __init__(self, variables: Context, function: Callable[[], R]) -> None:
        self.over = False  # it has ended, or will never begin
        self._variables = variables
        self._function = function
        self._value: R = _NOTHING
        self._error: BaseException | None = None
        self._turn = threading.Lock()  # whoever gets it first begins the call, or withdraws it
        loop = asyncio.get_running_loop()
        self._arrival: asyncio.Future[None] = loop.create_future()
        self._arrivals = _of(loop)

    def __call__(self) -> None:
        """Do it. In a thread."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._value = self._variables.run(self._function)
        except BaseException as error:
            self._error = error
        self._end()

    def give_up(self, error: BaseException) -> None:
        """It can't be done. From any thread."""
        if self._turn.acquire(blocking=False):
            self._error = error
            self._end()

    def _end(self) -> None:
        self.over = True
        self._arrivals.add(self, self._arrival.get_loop())

    async def result(self) -> R:
        """What the function returns. Raises what it raises. Who is cancelled meanwhile withdraws it, if no thread has
        begun it."""
        try:
            await self._arrival
        except asyncio.CancelledError:
            if self._turn.acquire(blocking=False):
                self.over = True
                self.arrive()
            raise
        if (error := self._error) is None:
            return self._value
        self._error = None  # the error's traceback has this frame: a circle that the collector would have to find
        try:
            raise error
        finally:
            del error

    async def ended(self) -> None:
        """Return when it is over, whoever else waits or doesn't wait any more."""
        while not self.over:
            if self._arrival.done():  # who waited for the result was cancelled
                self._arrival = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._arrival])

    def arrive(self) -> None:
        """Tell who waits. In the event loop."""
        if not self._arrival.done():
            self._arrival.set_result(None)


class _Arrivals:
    """What has ended and not been told to its event loop."""

    def __init__(self) -> None:
        self._ended: deque[Hop[Any]] = deque()
        self._told = False

    def add(self, hop: Hop[Any], loop: asyncio.AbstractEventLoop) -> None:
        """From any thread. The loop is given each time: kept here, it would never be collected."""
        self._ended.append(hop)
        if not self._told:
            self._told = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._land)

    def _land(self) -> None:
        self._told = False  # before the look: what ends after it tells anew
        while self._ended:
            self._ended.popleft().arrive()


_arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = WeakKeyDictionary()


def _of(loop: asyncio.AbstractEventLoop) -> _Arrivals:
    found = _arrivals.get(loop)
    if found is None:
        found = _arrivals[loop] = _Arrivals()
    return found

"""How calls that ran in threads come back to the event loop: many with one wake-up."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["Arrivals"]

R = TypeVar("R")


class Arrivals:
    """Those of one event loop."""

    def __init__(self) -> None:
        self._ended: deque[tuple[asyncio.Future[Any], concurrent.futures.Future[Any]]] = deque()
        self._told = False

    @classmethod
    def here(cls) -> Arrivals:
        """Of the running loop."""
        loop = asyncio.get_running_loop()
        found = _arrivals.get(loop)
        if found is None:
            found = _arrivals[loop] = cls()
        return found

    async def of(self, call: concurrent.futures.Future[R]) -> R:
        """What the call gives. Who is cancelled meanwhile takes it back, if no thread has begun it."""
        arrival: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        call.add_done_callback(partial(self._has_ended, arrival))
        try:
            return await arrival
        except asyncio.CancelledError:
            call.cancel()
            raise

    def _has_ended(self, arrival: asyncio.Future[R], call: concurrent.futures.Future[R]) -> None:
        """Called in the thread."""
        self._ended.append((arrival, call))
        if not self._told:
            self._told = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                arrival.get_loop().call_soon_threadsafe(self._land)

    def _land(self) -> None:
        self._told = False  # before the look: what ends after it tells anew
        while self._ended:
            _pass_on(*self._ended.popleft())


_arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, Arrivals] = WeakKeyDictionary()


def _pass_on(arrival: asyncio.Future[R], call: concurrent.futures.Future[R]) -> None:
    if arrival.done():
        return
    if call.cancelled():
        arrival.cancel()
    elif (error := call.exception()) is not None:
        arrival.set_exception(error)
    else:
        arrival.set_result(call.result())

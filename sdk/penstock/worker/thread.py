"""The thread in which an attempt's plain functions run, one after another: its dependencies' and its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

from penstock.worker.arrivals import Arrivals

__all__ = ["Thread"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Returned(Generic[R]):
    value: R


@dataclass(frozen=True, slots=True)
class _Raised:
    """Data for the Future, which couldn't carry a StopIteration as its exception: who waits would wait for ever."""

    error: BaseException


class Thread:
    """A place in the pool. What runs there can't be stopped: whoever is cancelled while waiting for it leaves it
    behind, and the attempt keeps its place until it has `ended`."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._call: concurrent.futures.Future[object] | None = None

    @property
    def busy(self) -> bool:
        """Whether something runs in it, or is about to."""
        return self._call is not None and not self._call.done()

    async def run(self, variables: Context, function: Callable[[], R]) -> R:
        """What the function returns, called in that context. Raises what it raises."""
        call = self._pool.submit(variables.run, _kept, function)
        self._call = call  # type: ignore[assignment]  # futures are invariant; of this one only its end counts
        kept = await Arrivals.here().of(call)
        if isinstance(kept, _Returned):
            return kept.value
        try:
            raise kept.error
        finally:
            del kept  # the error's traceback has this frame: a circle that the collector would have to find

    async def ended(self) -> None:
        """Return when nothing runs in it."""
        if self._call is not None and not self._call.done():
            await asyncio.wait([asyncio.wrap_future(self._call)])


def _kept(function: Callable[[], R]) -> _Returned[R] | _Raised:
    try:
        return _Returned(function())
    except BaseException as error:
        return _Raised(error)

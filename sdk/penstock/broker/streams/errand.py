"""Work that is done once for all who need it at the same time, and that none of them ends by being cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

__all__ = ["Errand"]

R = TypeVar("R")


class Errand(Generic[R]):
    """Await `run()` for the result of the work that is under way, or of a new one."""

    def __init__(self, work: Callable[[], Coroutine[object, object, R]]) -> None:
        self._work = work
        self._task: asyncio.Task[R] | None = None

    async def run(self) -> R:
        """What the work returns or raises."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())
            self._task.add_done_callback(self._done)
        task = self._task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not task.cancelled() or (current is not None and current.cancelling()):
                raise
            raise ConnectionError("it was closed here") from None  # the caller wasn't cancelled

    def _done(self, task: asyncio.Task[R]) -> None:
        self._task = None
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; nobody else needs to hear of it

    async def close(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

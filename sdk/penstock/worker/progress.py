"""What a running task says of itself, thinned out: the first word after a moment, then at most one a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from penstock.errors import PenstockError
from penstock.stopping import stopped

__all__ = ["Progress"]

log = logging.getLogger("penstock.worker")
INTERVAL_SECONDS = 1.0

Publish = Callable[[float | None, str], Awaitable[None]]


class Progress:
    """One attempt's progress. A task shorter than the interval never costs a report."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._latest: tuple[float | None, str] = (None, "")
        self._news = asyncio.Event()
        self._news.set()  # that it runs at all is news
        self._task = asyncio.create_task(self._report(), name="penstock-progress")

    def tell(self, percent: float | None, message: str) -> None:
        """Take the latest word. From any thread."""
        self._latest = (percent, message)
        with suppress(RuntimeError):  # the loop is gone: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._news.set)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self._news.wait()
            self._news.clear()
            try:
                await self._publish(*self._latest)
            except PenstockError as error:
                log.warning("couldn't report progress: %s", error)

    async def end(self) -> None:
        """Say nothing more; the outcome is about to."""
        await stopped(self._task)

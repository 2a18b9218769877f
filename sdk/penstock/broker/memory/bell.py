"""Waking who waits, whichever event loop that is in: an app in memory may be used from several, one after another or
(sync submissions) at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """Like a Condition of which nobody holds the lock: `wait` returns at the next `ring`."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for a ring; False if none came in `timeout` seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True

    def ring(self) -> None:
        """Wake all who wait now. From any thread."""
        for future in list(self._waiting):
            with suppress(RuntimeError):  # its loop is closed: nobody waits there any more
                future.get_loop().call_soon_threadsafe(_set, future)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""Waiting where a server has said that it is too busy (HTTP 429, RFC 6585; Retry-After, RFC 9110 10.2.3)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

__all__ = ["Throttle"]

LONGEST_SECONDS = 30.0
SPREAD = 0.5  # of the pause, so that those who were told together don't come back together


class Throttle:
    """Shared by all requests of one connection: what one of them is told holds for the others."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._until = 0.0

    def told(self, seconds: float) -> None:
        """The server wants to be left alone for so long."""
        self._until = max(self._until, self._clock() + min(seconds, LONGEST_SECONDS))

    async def passed(self) -> None:
        """Return when a request may be sent."""
        while (left := self._until - self._clock()) > 0:
            await self._sleep(left * (1 + SPREAD * self._random()))

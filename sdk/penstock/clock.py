"""Wall time as a server has it: processes that go by the same server's agree, however wrong their own clocks are."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

__all__ = ["ServerClock", "Timekeeper"]

FRESH_SECONDS = 60.0


class ServerClock:
    """Call it for seconds since the epoch.

    Each answer of the server bounds by how much the own clock differs: it read its clock after the request was sent and
    before the answer came (Cristian, "Probabilistic clock synchronization", 1989). The bounds of all answers together
    narrow the difference down; a clock that is right within them is left alone.
    """

    def __init__(self, own: Callable[[], float] = time.time) -> None:
        self.own = own
        self._least, self._most = -math.inf, math.inf
        self._offset = 0.0

    def __call__(self) -> float:
        """Seconds since the epoch, as the server would tell them."""
        return self.own() + self._offset

    def heard(self, told: float, *, sent: float, resolution: float) -> None:
        """The server said that it is `told`, or up to `resolution` seconds later, in the answer to what was `sent` when
        the own clock said so, and that is just there."""
        least, most = told - self.own(), told + resolution - sent
        if max(least, self._least) <= min(most, self._most):
            least, most = max(least, self._least), min(most, self._most)
        # Else one of the clocks was set, or has drifted away: what was known before doesn't count any more.
        self._least, self._most = least, most
        self._offset = min(max(0.0, least), most)


class Timekeeper:
    """Asks a server for its time where that is needed, and the last answer is old. Belongs to one event loop."""

    def __init__(self, ask: Callable[[], Awaitable[object]]) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._asked = -math.inf

    @property
    def _fresh(self) -> bool:
        return asyncio.get_running_loop().time() - self._asked < FRESH_SECONDS

    async def refresh(self) -> None:
        """Return when the time is known. Raises what asking does."""
        if self._fresh:
            return
        async with self._asking:
            if not self._fresh:
                await self._ask()
                self._asked = asyncio.get_running_loop().time()

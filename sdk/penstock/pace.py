"""No more than so many a second: a token bucket without tokens (GCRA, ITU-T I.371)."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """`reserve()` says how many seconds to wait: 0 for as many as `burst` at once, then `rate` a second. `take()` is
    for those who won't wait."""

    def __init__(self, rate: float, burst: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / rate
        self._burst = burst
        self._clock = clock
        self._next = float("-inf")

    def reserve(self) -> float:
        """Take the next place; the seconds until then."""
        now = self._clock()
        at = max(self._next, now - (self._burst - 1) * self._interval)
        self._next = at + self._interval
        return max(0.0, at - now)

    def take(self) -> bool:
        """Take a place if one is free now."""
        if self._next > self._clock():
            return False
        self.reserve()
        return True

"""Time that passes when a test says so."""

from __future__ import annotations

import time

__all__ = ["VirtualClock"]


class VirtualClock:
    """Seconds since the epoch, from now on or from `start`."""

    def __init__(self, start: float | None = None) -> None:
        self.now = time.time() if start is None else start

    def __call__(self) -> float:
        """What time it is."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        if seconds < 0:
            raise ValueError(f"advance({seconds!r}): time doesn't go back")
        self.now += seconds

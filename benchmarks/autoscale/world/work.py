"""The tasks of a run, and what became of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["Work"]


class Work:
    """One entry a task, by its number: when it came, what it takes, when its last attempt began, when it ended (`nan`
    before that), and how often an attempt was cut off."""

    def __init__(self, arrivals: Sequence[float], services: Sequence[float]) -> None:
        self.arrived = list(arrivals)
        self.service = list(services)
        self.started = [math.nan] * len(self.arrived)
        self.ended = [math.nan] * len(self.arrived)
        self.interrupted = [0] * len(self.arrived)

    def __len__(self) -> int:
        return len(self.arrived)

    @property
    def waits(self) -> list[float]:
        """From its arrival to the beginning of the attempt that ended it; what was cut off was waited for."""
        return [started - came for started, came in zip(self.started, self.arrived, strict=True)]

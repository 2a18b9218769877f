"""What happens next: actions with their moments."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

__all__ = ["Action", "Agenda"]

Action = Callable[[], object]


class Agenda:
    """Actions in the order of their moments; those of one moment in the order in which they were put here."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Action]] = []
        self._number = count()

    def at(self, moment: float, action: Action) -> None:
        """Do it then; at once (but after what runs now) if that is past."""
        heapq.heappush(self._heap, (max(moment, self.now), next(self._number), action))

    def every(self, period: float, first: float, action: Action) -> None:
        """Do it again and again, for as long as anybody asks for what comes next."""

        def again() -> None:
            action()
            self.at(self.now + period, again)

        self.at(first, again)

    @property
    def next(self) -> float:
        """The next moment at which something happens."""
        return self._heap[0][0] if self._heap else math.inf

    def step(self) -> None:
        """Go there, and do it."""
        self.now, _, action = heapq.heappop(self._heap)
        action()

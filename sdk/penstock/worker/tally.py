"""What a worker has done and what went wrong meanwhile, counted for metrics.

Counting is an addition; whoever exports metrics reads the sums. So a task costs the same with metrics and without.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Ended", "Sums", "Tally"]


class Ended(NamedTuple):
    """How attempts end. `outcome` is the task's phase after it."""

    queue: str
    task: str
    outcome: str


@dataclass(slots=True)
class Sums:
    """Of attempts that ended alike. Seconds: `running` from start to end, `waiting` from being ready to the start."""

    attempts: int = 0
    running: float = 0.0
    waiting: float = 0.0


@dataclass(frozen=True)
class Tally:
    """One worker's, since its start."""

    ended: defaultdict[Ended, Sums] = field(default_factory=lambda: defaultdict(Sums))
    failures: Counter[str] = field(default_factory=Counter)  # calls that the broker didn't answer, by their names
    stalls: Counter[str] = field(default_factory=Counter)  # of the event loop, by the task that blocked it
    lost: Counter[str] = field(default_factory=Counter)  # leases, by queue
    reclaimed: Counter[str] = field(default_factory=Counter)  # tasks of dead workers, by queue

    def end(self, how: Ended, *, running: float, waiting: float) -> None:
        """An attempt was settled."""
        sums = self.ended[how]
        sums.attempts += 1
        sums.running += max(0.0, running)
        sums.waiting += max(0.0, waiting)

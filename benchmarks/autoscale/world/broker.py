"""The queue: what waits, what is in flight, and the counters that only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.autoscale.world.outage import Kind, Outage, until
from benchmarks.autoscale.world.work import Work

__all__ = ["Broker", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What whoever scales can read at a moment. `oldest` has waited so long, s. Of all times so far: `queued` tasks,
    handed-back ones again; `finished` tasks, which took `served` seconds together."""

    waiting: int
    in_flight: int
    oldest: float
    queued: int
    finished: int
    served: float

    @property
    def backlog(self) -> int:
        """All that isn't finished."""
        return self.waiting + self.in_flight


class Broker:
    """First in, first out. What is handed back goes to the end."""

    def __init__(self, work: Work, outages: Iterable[Outage]) -> None:
        self.waiting: deque[int] = deque()
        self.in_flight = 0
        self.queued = 0
        self.finished = 0
        self.served = 0.0
        self._work = work
        self._outages = tuple(outages)

    def back(self, now: float) -> float:
        """When it serves everybody again; `now` if it does."""
        return until(self._outages, now, Kind.ALL)

    def put(self, task: int) -> None:
        """It waits from now on."""
        self.waiting.append(task)
        self.queued += 1

    def claim(self, now: float) -> int:
        """The first that waits, begun now."""
        task = self.waiting.popleft()
        self.in_flight += 1
        self._work.started[task] = now
        return task

    def settle(self, task: int, now: float) -> None:
        """It is done."""
        self.in_flight -= 1
        self.finished += 1
        self.served += self._work.service[task]
        self._work.ended[task] = now

    def hand_back(self, task: int) -> None:
        """It was begun in vain."""
        self.in_flight -= 1
        self._work.interrupted[task] += 1
        self.put(task)

    def read(self, now: float) -> Reading | None:
        """As whoever scales sees it; None if it can't be read."""
        if until(self._outages, now, Kind.ALL, Kind.SCALERS) > now:
            return None
        oldest = now - self._work.arrived[self.waiting[0]] if self.waiting else 0.0
        return Reading(len(self.waiting), self.in_flight, oldest, self.queued, self.finished, self.served)

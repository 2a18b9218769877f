"""What is remembered of a pool's earlier decisions. Immutable: a decision makes the next one's."""

from __future__ import annotations

from dataclasses import dataclass

from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.signals import Signals

__all__ = ["History"]

LONGEST_SECONDS = 3600.0  # the longest window that a spec may look back for


@dataclass(frozen=True, slots=True)
class History:
    """`busy_at`: when there was last anything to do, as far as is known. `recommended`: (since when, how many), each in
    force until the next. `decided`: the same of what came of it. Seconds of the clock that `now` is told by."""

    busy_at: float
    recommended: tuple[tuple[float, int], ...]
    decided: tuple[tuple[float, int], ...]

    @classmethod
    def begin(cls, replicas: int, now: float) -> History:
        """Of a pool that has so many, and of which nothing else is known: as if that had just been decided."""
        return cls(now, ((now, replicas),), ((now, replicas),))

    @property
    def replicas(self) -> int:
        """What was decided last."""
        return self.decided[-1][1]

    def after(self, decision: Decision, signals: Signals, now: float) -> History:
        """With a decision just taken. While the queues can't be read nothing is known to be idle."""
        work = signals.work
        # Tasks may come and be done between two looks. Those of a pool without workers are others'.
        quiet = work is not None and not work.backlog and not (work.active and self.replicas)
        recommended = self.recommended
        if signals.work is not None:
            recommended = _with(recommended, decision.recommended, now)
        return History(
            self.busy_at if quiet else now,
            recommended,
            _with(self.decided, decision.replicas, now),
        )

    def extremes(self, seconds: float, now: float) -> tuple[int, int]:
        """The lowest and the highest recommendation that was in force within the last `seconds`."""
        found = _in_force(self.recommended, now - seconds)
        return min(found), max(found)

    def replicas_at(self, moment: float) -> int:
        """What was decided then."""
        return _in_force(self.decided, moment)[0]


def _in_force(steps: tuple[tuple[float, int], ...], since: float) -> list[int]:
    """The value at `since`, and those that came later."""
    first = next((at for at in range(len(steps) - 1, 0, -1) if steps[at][0] <= since), 0)
    return [value for _, value in steps[first:]]


def _with(steps: tuple[tuple[float, int], ...], value: int, now: float) -> tuple[tuple[float, int], ...]:
    if steps[-1][1] == value:
        return steps
    horizon = now - LONGEST_SECONDS
    first = 0
    while first + 1 < len(steps) and steps[first + 1][0] <= horizon:  # the one that was in force then stays
        first += 1
    return (*steps[first:], (now, value))

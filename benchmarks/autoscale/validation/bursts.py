"""What is sent: always the same sequence, four minutes of everything that makes a pool move."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.autoscale.patterns.arrivals import along
from benchmarks.autoscale.patterns.services import around

__all__ = ["OBJECTIVE", "Call", "sequence"]

SEED = 1998
OBJECTIVE = 5.0  # s that a task may wait
# (moment, tasks a second): asleep, a trickle, a steady load, nothing for long enough to fall asleep, a trickle.
RATES = [(0.0, 0.2), (20.0, 0.2), (25.0, 3.0), (100.0, 3.0), (101.0, 0.0), (150.0, 0.0), (151.0, 0.5), (240.0, 0.5)]
AT_ONCE = ((60.0, 40), (180.0, 60))  # moment, tasks


@dataclass(frozen=True, slots=True)
class Call:
    """A task: when it is sent, and what it takes; s."""

    at: float
    seconds: float


def sequence() -> list[Call]:
    """In their order."""
    dice, serve = Random(SEED), around(2.0)
    moments = along(RATES)(dice) + [at for at, count in AT_ONCE for _ in range(count)]
    return [Call(round(at, 3), round(serve(dice), 3)) for at in sorted(moments)]

"""How fast work comes to a queue and how long it takes, from the cumulative counters of its depth. Pure.

The service time S is the mean over the last attempts, and at least what Little's law says of those that haven't ended:
tasks that have been in flight for A task-seconds altogether, of which n have ended and k haven't, take A/(n + k) or
longer. So a queue of hour-long tasks doesn't look like one of short ones for an hour. Only what must have run from one
look to the next counts for A: looks come when tasks do, so that what they find in flight says nothing of the time
between. What is remembered fades with each attempt, not with time: silence teaches nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from penstock.broker.messages import Depth
from penstock_operator.autoscale.arrivals import Arrivals

__all__ = ["Rates"]

ATTEMPTS = 100  # whose mean S is
# Their mean may double in so many seconds: contention with whatever tasks share must not feed itself by more workers.
DOUBLING_SECONDS = 10.0
SHORTEST_SECONDS = 1e-3
MOST_DOUBLINGS = 64.0  # after a long silence it may be anything
LEAST_SERVICE_SECONDS = 0.001  # the resolution of what the broker measures
# What is supposed of S at first, and how many attempts it counts for: the first may be short by chance. It fades like
# them, or short tasks would never be known to be short.
PRIOR_SECONDS, PRIOR_ATTEMPTS = 1.0, 3.0


@dataclass(frozen=True, slots=True)
class Rates:
    """One queue's, at a moment (seconds on any clock). `ended` attempts took `took` seconds together, `occupied`
    task-seconds were spent in flight, and `supposed` attempts are only supposed, all faded. `mean` is what an attempt
    takes as far as they have ended, `service` that or more, None until anything was in flight. `active`: attempts have
    ended since the look before."""

    at: float
    seen: Depth
    arrivals: Arrivals = field(default_factory=Arrivals)
    ended: float = 0.0
    took: float = 0.0
    occupied: float = 0.0
    supposed: float = PRIOR_ATTEMPTS
    mean: float = PRIOR_SECONDS
    service: float | None = None
    active: bool = False

    def after(self, depth: Depth, now: float) -> Rates:
        """With a later look."""
        passed = now - self.at
        if passed < SHORTEST_SECONDS:  # it says nothing of rates
            return self
        before = self.seen
        if depth.arrived < before.arrived or depth.settled < before.settled or depth.ran < before.ran:
            return replace(self, at=now, seen=depth)  # Redis has lost what it counted
        settled = depth.settled - before.settled
        kept = math.exp(-settled / ATTEMPTS)
        ended = self.ended * kept + settled
        took = self.took * kept + depth.ran - before.ran
        occupied = self.occupied * kept + passed * max(0, min(before.in_flight - settled, depth.in_flight))
        supposed = self.supposed * kept
        most = self.mean * 2.0 ** min(MOST_DOUBLINGS, passed / DOUBLING_SECONDS)
        mean = max(LEAST_SERVICE_SECONDS, min(most, (took + PRIOR_SECONDS * supposed) / (ended + supposed)))
        return Rates(
            now,
            depth,
            self.arrivals.after(depth.arrived - before.arrived, passed),
            ended,
            took,
            occupied,
            supposed,
            mean,
            _service(mean, ended, occupied, depth.in_flight),
            settled > 0,
        )


def _service(mean: float, ended: float, occupied: float, in_flight: int) -> float | None:
    if not ended and not in_flight:
        return None
    return max(mean, occupied / (ended + in_flight))

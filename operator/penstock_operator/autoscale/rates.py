"""How fast work comes to a queue and how long it takes, from the cumulative counters of its depth. Pure.

Rates are exponentially weighted means over irregular intervals (weight of the past: e^(-dt/τ); see Eckner, "Algorithms
for Unevenly Spaced Time Series", 2019). The service time S is the mean of what has ended lately, and at least what
Little's law says of what hasn't: tasks that have been in flight for A task-seconds altogether, of which n have ended
and k haven't, take A/(n + k) or longer. So a queue of hour-long tasks doesn't look like one of short ones for an hour.
Only what must have run from one look to the next counts for A: looks come when tasks do, so that what they find in
flight says nothing of the time between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from penstock.broker.messages import Depth

__all__ = ["Rates"]

ARRIVALS_SECONDS = 20.0  # τ of the arrival rate: long enough for Poisson noise, short enough for a flash crowd
SERVICE_SECONDS = 300.0  # τ of the service time
# S may double in so many seconds: contention with whatever tasks share must not feed itself by more workers at once.
DOUBLING_SECONDS = 20.0
LEAST_SERVICE_SECONDS = 0.001  # the resolution of what the broker measures
PRIOR_SECONDS = 1.0  # S, until any attempt has ended or was in flight for longer
LEAST_ENDED = 1e-9  # of decayed attempts; their mean doesn't fade with them


@dataclass(frozen=True, slots=True)
class Rates:
    """One queue's, at a moment (seconds on any clock). `ended` attempts took `took` seconds together and `occupied`
    task-seconds were spent in flight, all decayed. `service` is None until anything was in flight."""

    at: float
    seen: Depth
    arrival: float = 0.0
    ended: float = 0.0
    took: float = 0.0
    occupied: float = 0.0
    service: float | None = None

    def after(self, depth: Depth, now: float) -> Rates:
        """With a later look."""
        passed = now - self.at
        if passed <= 0:
            return self
        if depth.arrived < self.seen.arrived or depth.settled < self.seen.settled:
            return Rates(now, depth, self.arrival, service=self.service)  # Redis has lost what it counted
        kept = math.exp(-passed / SERVICE_SECONDS)
        settled = depth.settled - self.seen.settled
        ended = self.ended * kept + settled
        took = self.took * kept + depth.ran - self.seen.ran
        occupied = self.occupied * kept + passed * max(0, min(self.seen.in_flight - settled, depth.in_flight))
        service = _service(ended, took, occupied, depth.in_flight)
        return Rates(
            now,
            depth,
            self._arrival(depth, passed),
            ended,
            took,
            occupied,
            _clamped(service, self.service, passed),
        )

    def _arrival(self, depth: Depth, passed: float) -> float:
        kept = math.exp(-passed / ARRIVALS_SECONDS)
        return self.arrival * kept + (1 - kept) * (depth.arrived - self.seen.arrived) / passed


def _service(ended: float, took: float, occupied: float, in_flight: int) -> float | None:
    if ended < LEAST_ENDED and not in_flight:
        return None
    known = max(LEAST_SERVICE_SECONDS, took / ended) if ended >= LEAST_ENDED else PRIOR_SECONDS
    return max(known, occupied / (ended + in_flight))


def _clamped(service: float | None, before: float | None, passed: float) -> float | None:
    if service is None or before is None:
        return before if service is None else service
    return min(service, before * 2 ** (passed / DOUBLING_SECONDS))

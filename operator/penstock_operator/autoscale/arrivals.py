"""How fast tasks come to a queue: a steady mean for what is needed all the time, a quick one for what begins. Pure.

Both are exponentially weighted means over irregular intervals (weight of the past: e^(-dt/τ); see Eckner, "Algorithms
for Unevenly Spaced Time Series", 2019). A mean over τ seconds of Poisson arrivals has the variance λ/2τ. So the steady
one looks back over as many seconds as so many arrivals take: seldom ones wouldn't be told from noise sooner. Where the
quick one is further away than noise would take it, the rate has changed, and the steady one begins anew from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Arrivals"]

QUICK_SECONDS = 20.0
LONGEST_SECONDS = 600.0
ENOUGH = 200  # arrivals; their rate is known to 5 % by then
SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Tasks a second."""

    steady: float = 0.0
    quick: float = 0.0

    def after(self, count: int, passed: float) -> Arrivals:
        """So many came within `passed` seconds (> 0)."""
        quick = _mean(self.quick, count / passed, passed / QUICK_SECONDS)
        steady = _mean(self.steady, count / passed, passed / _memory(self.steady))
        noise = math.sqrt(max(quick, steady) / (2 * QUICK_SECONDS))
        return Arrivals(quick if abs(quick - steady) > SIGMAS * noise else steady, quick)


def _memory(rate: float) -> float:
    """τ for that rate, s."""
    return min(LONGEST_SECONDS, max(QUICK_SECONDS, ENOUGH / rate)) if rate else QUICK_SECONDS


def _mean(before: float, now: float, weight: float) -> float:
    kept = math.exp(-weight)
    return before * kept + now * (1 - kept)

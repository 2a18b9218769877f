"""How much these tests do: little among all tests, all of it in `make chaos-autoscale`."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Numbers, and seconds."""

    bursts: int
    wake_ups: int  # each way
    scale_ins: int
    outage: float
    kills: int
    watched: float  # how long nothing much may be written

    @property
    def full(self) -> bool:
        """Whether there are enough for a 99th percentile."""
        return self.wake_ups >= 50


SHORT = Scale(bursts=2, wake_ups=3, scale_ins=20, outage=8, kills=1, watched=12)
FULL = Scale(bursts=10, wake_ups=50, scale_ins=300, outage=60, kills=5, watched=60)


def chosen() -> Scale:
    """By PENSTOCK_FAULTS=full."""
    asked = os.environ.get("PENSTOCK_FAULTS", "short")
    return {"short": SHORT, "full": FULL}[asked]

"""How much a fault test does: little among all tests, all of it in `make chaos-operator`."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Numbers of Tasks, and seconds."""

    tasks: int
    kill_every: float
    outage: float
    some: int
    patience: float  # after the fault's end, for the last Task's
    hand_over: float  # until a standby leads that the leader has told: by more, the Lease would have run out


SHORT = Scale(tasks=1000, kill_every=5, outage=20, some=200, patience=90, hand_over=2.5)
FULL = Scale(tasks=5000, kill_every=10, outage=75, some=1000, patience=300, hand_over=1.0)


def chosen() -> Scale:
    """By PENSTOCK_FAULTS=full."""
    asked = os.environ.get("PENSTOCK_FAULTS", "short")
    return {"short": SHORT, "full": FULL}[asked]

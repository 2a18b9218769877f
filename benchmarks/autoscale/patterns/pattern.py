"""What every pattern is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.autoscale.world.outage import Outage
from benchmarks.autoscale.world.startup import USUAL, Startup
from benchmarks.autoscale.world.world import Setting

__all__ = ["Arrive", "Pattern", "Serve"]

Arrive = Callable[[Random], list[float]]  # moments, s, in order
Serve = Callable[[Random], float]  # of one task, s


@dataclass(frozen=True, slots=True)
class Pattern:
    """`objective`: how long a task may wait before it starts, s. `concurrency`: tasks that a replica runs at once; as
    many are every scaler's target for a replica, where it goes by a backlog. `source`: where its figures are from."""

    name: str
    title: str
    source: str
    seconds: float
    objective: float
    arrive: Arrive
    serve: Serve
    concurrency: int = 4
    most: int = 20
    drain_seconds: float = 30.0
    startup: Startup = USUAL
    outages: tuple[Outage, ...] = ()

    @property
    def setting(self) -> Setting:
        """What a world needs of it."""
        return Setting(self.seconds, self.concurrency, self.drain_seconds, self.startup, self.outages)

    def tasks(self, seed: int) -> tuple[list[float], list[float]]:
        """Arrivals and service times: the same for every scaler."""
        arrivals = self.arrive(Random(f"{self.name} arrivals {seed}"))
        dice = Random(f"{self.name} services {seed}")
        return arrivals, [self.serve(dice) for _ in arrivals]

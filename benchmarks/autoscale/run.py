"""One run: a pattern, a scaler, a seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.autoscale.figures import Figures, figures
from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.autoscale.scalers.contestants import CONTESTANTS
from benchmarks.autoscale.world.world import Sample, World

__all__ = ["Outcome", "run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `changes` and `samples` are what plots are drawn from."""

    pattern: str
    scaler: str
    seed: int
    figures: Figures
    changes: tuple[tuple[float, int], ...]
    samples: tuple[Sample, ...]
    arrivals: tuple[float, ...]


def run(pattern: str, scaler: str, seed: int) -> Outcome:
    """To its end."""
    what = PATTERNS[pattern]
    arrivals, services = what.tasks(seed)
    world = World(what.setting, arrivals, services, Random(f"{pattern} world {seed}"))
    CONTESTANTS[scaler](what).begin(world)
    world.run()
    found = figures(world, what.objective)
    return Outcome(pattern, scaler, seed, found, tuple(world.deployment.changes), tuple(world.samples), tuple(arrivals))

"""How long a task takes: each makes a function from a random source to seconds."""

from __future__ import annotations

import math
from random import Random

from benchmarks.autoscale.patterns.pattern import Serve

__all__ = ["around", "lognormal"]


def around(mean: float, variation: float = 0.5) -> Serve:
    """Lognormal, by its mean and its coefficient of variation."""
    sigma = math.sqrt(math.log(1 + variation**2))
    return lognormal(math.log(mean) - sigma**2 / 2, sigma, math.inf)


def lognormal(mu: float, sigma: float, most: float) -> Serve:
    """By the mean and the deviation of its logarithm; nothing takes longer than `most`."""

    def serve(dice: Random) -> float:
        return min(most, dice.lognormvariate(mu, sigma))

    return serve

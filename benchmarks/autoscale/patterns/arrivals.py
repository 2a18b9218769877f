"""Arrival processes: each makes a function from a random source to moments, s."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from random import Random

from benchmarks.autoscale.patterns.pattern import Arrive

__all__ = ["along", "batches", "poisson", "renewal"]

Knots = Sequence[tuple[float, float]]  # (moment, rate), straight lines between them


def poisson(rate: float, seconds: float) -> Arrive:
    """So many a second on average, each independent of the others."""
    return along([(0.0, rate), (seconds, rate)])


def along(knots: Knots) -> Arrive:
    """A Poisson process whose rate follows the knots, by thinning (Lewis and Shedler, 1979)."""
    highest, end = max(rate for _, rate in knots), knots[-1][0]
    rate = _line(knots)

    def arrive(dice: Random) -> list[float]:
        found, now = list[float](), dice.expovariate(highest)
        while now < end:
            if dice.random() * highest < rate(now):
                found.append(now)
            now += dice.expovariate(highest)
        return found

    return arrive


def _line(knots: Knots) -> Callable[[float], float]:
    moments = [at for at, _ in knots]

    def rate(now: float) -> float:
        number = min(bisect_right(moments, now), len(knots) - 1)
        (left, low), (right, high) = knots[number - 1], knots[number]
        return low + (high - low) * (now - left) / (right - left)

    return rate


def renewal(mean: float, variation: float, seconds: float) -> Arrive:
    """Lognormal gaps: their mean, s, and their coefficient of variation."""
    sigma = math.sqrt(math.log(1 + variation**2))
    mu = math.log(mean) - sigma**2 / 2

    def arrive(dice: Random) -> list[float]:
        found, now = list[float](), dice.lognormvariate(mu, sigma)
        while now < seconds:
            found.append(now)
            now += dice.lognormvariate(mu, sigma)
        return found

    return arrive


def batches(size: tuple[int, int], gap: float, jitter: float, seconds: float) -> Arrive:
    """At once so many tasks, at the least and at the most, again after `gap` seconds, give or take `jitter`."""

    def arrive(dice: Random) -> list[float]:
        found, now = list[float](), dice.uniform(0.0, gap)
        while now < seconds:
            found += [now] * dice.randint(*size)
            now += gap + dice.uniform(-jitter, jitter)
        return found

    return arrive

"""HorizontalPodAutoscaler v2, as Kubernetes' controller computes it (pkg/controller/podautoscaler).

Units: replicas, seconds. The defaults are the controller's: a sync each 15 s, a tolerance of 0.1, 300 s of
stabilization downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Autoscaler", "Policy", "Rules", "per_pod"]

SYNC_SECONDS = 15.0
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Policy:
    """At most so many pods, or percent of the replicas at the period's start, within the period."""

    value: int
    seconds: float
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """`behavior`: whether the resource has one. KEDA leaves it out unless told otherwise, and the controller then goes
    by older rules (`normalizeDesiredReplicas`): at each sync at most twice as many or 4, whichever is more. With one,
    what it doesn't say is 4 pods or 100 % in 15 s upwards, 100 % in 15 s downwards, the larger change each."""

    least: int = 1
    most: int = 100
    down_seconds: float = 300.0
    behavior: bool = False
    up: tuple[Policy, ...] = (Policy(4, 15.0), Policy(100, 15.0, percent=True))
    down: tuple[Policy, ...] = (Policy(100, 15.0, percent=True),)


def per_pod(value: float, target: float, replicas: int, tolerance: float = TOLERANCE) -> int:
    """Replicas for an external metric with an AverageValue (`GetExternalPerPodMetricReplicas`): as many as there are
    where value / replicas is within the tolerance of the target."""
    if replicas and abs(1.0 - value / (target * replicas)) <= tolerance:
        return replicas
    return math.ceil(value / target)


@dataclass
class Autoscaler:
    """What it remembers: recommendations and changes, each with its moment."""

    rules: Rules
    recommendations: list[tuple[float, int]] = field(default_factory=list)
    ups: list[tuple[float, int]] = field(default_factory=list)
    downs: list[tuple[float, int]] = field(default_factory=list)

    def sync(self, now: float, current: int, metric: Callable[[], int | None]) -> int:
        """What `spec.replicas` is to be. `metric` gives the recommendation, None where it can't be read: then nothing
        changes. At 0 replicas it is switched off."""
        rules = self.rules
        if not self.recommendations:
            self.recommendations.append((now, current))
        if current == 0 and rules.least:
            return 0
        if not rules.least <= current <= rules.most:
            return max(rules.least, min(current, rules.most))
        wanted = metric()
        if wanted is None:
            return current
        found = self._limited(now, current, self._stabilized(now, current, wanted))
        self._note(now, current, found)
        return found

    def _stabilized(self, now: float, current: int, wanted: int) -> int:
        """The highest recommendation of the last while, if it goes down; without a behaviour in either case."""
        self.recommendations = [(at, n) for at, n in self.recommendations if at >= now - self.rules.down_seconds]
        recent = [n for at, n in self.recommendations if at > now - self.rules.down_seconds]
        self.recommendations.append((now, wanted))
        if self.rules.behavior and wanted >= current:
            return wanted
        return max([wanted, *recent])

    def _limited(self, now: float, current: int, wanted: int) -> int:
        rules = self.rules
        if not rules.behavior:
            return max(rules.least, min(wanted, rules.most, max(2 * current, 4)))
        if wanted > current:
            return min(wanted, rules.most, max(current, self._highest(now, current)))
        return max(wanted, rules.least, min(current, self._lowest(now, current)))

    def _highest(self, now: float, current: int) -> int:
        starts = [(policy, current - _changed(self.ups, now - policy.seconds)) for policy in self.rules.up]
        return max(_up(policy, start) for policy, start in starts)

    def _lowest(self, now: float, current: int) -> int:
        starts = [(policy, current + _changed(self.downs, now - policy.seconds)) for policy in self.rules.down]
        return min(_down(policy, start) for policy, start in starts)

    def _note(self, now: float, current: int, found: int) -> None:
        if found > current:
            self.ups.append((now, found - current))
        elif found < current:
            self.downs.append((now, current - found))


def _changed(changes: Sequence[tuple[float, int]], since: float) -> int:
    return sum(count for at, count in changes if at > since)


def _up(policy: Policy, start: int) -> int:
    return math.ceil(start * (1 + policy.value / 100)) if policy.percent else start + policy.value


def _down(policy: Policy, start: int) -> int:
    return int(start * (1 - policy.value / 100)) if policy.percent else start - policy.value

"""What a run gives: named numbers, and their means over the seeds.

Names: `late` (share of tasks that waited longer than the objective), `late time` (share of the time in which a task
was over it), `p50`, `p95`, `p99` (of the wait, s), `pod seconds`, `flaps` (changes of direction within FLAP_SECONDS),
`interrupted` (attempts that were cut off), `sigterms` (pods that were told to stop while they held tasks), `peak`
(replicas).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.autoscale.world.work import Work
from benchmarks.autoscale.world.world import World

__all__ = ["Figures", "Spread", "figures", "flaps", "spread"]

FLAP_SECONDS = 300.0
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the seeds."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value a seed."""
        return cls(statistics.fmean(values), min(values), max(values))


def spread(runs: Sequence[Figures]) -> dict[str, Spread]:
    """All seeds together."""
    return {name: Spread.of([run[name] for run in runs]) for name in runs[0]}


def figures(world: World, objective: float) -> dict[str, float]:
    """Of a run that is over. A task that never ended counts as late, with the wait that it had then."""
    waits = sorted(world.end - came if math.isnan(wait) else wait for wait, came in _waits(world.work))
    deployment = world.deployment
    return {
        "late": sum(wait > objective for wait in waits) / max(1, len(waits)),
        "late time": _late_time(world, objective) / world.end,
        **{f"p{percent}": _percentile(waits, percent) for percent in (50, 95, 99)},
        "pod seconds": deployment.pod_seconds(world.end),
        "flaps": flaps(deployment.changes),
        "interrupted": sum(world.work.interrupted),
        "sigterms": deployment.sigterms,
        "peak": max(count for _, count in deployment.changes),
    }


def _waits(work: Work) -> Iterable[tuple[float, float]]:
    return zip(work.waits, work.arrived, strict=True)


def _percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest rank; 0 of nothing."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else 0.0


def _late_time(world: World, objective: float) -> float:
    """The seconds in which some task was over its objective: the union of (arrival + objective, start)."""
    total, covered = 0.0, -math.inf
    for wait, came in _waits(world.work):
        begin, end = max(came + objective, covered), world.end if math.isnan(wait) else came + wait
        if end > begin:
            total += end - begin
            covered = end
    return total


def flaps(changes: Sequence[tuple[float, int]]) -> int:
    """How often the count turned round within FLAP_SECONDS of a change the other way."""
    turns, before, direction = 0, -math.inf, 0
    for (_, left), (at, right) in pairwise(changes):
        now = 1 if right > left else -1
        turns += direction * now < 0 and at - before <= FLAP_SECONDS
        before, direction = at, now
    return turns

"""How fast several workers can be at most, given what a task costs the worker and Redis."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost", "ceiling"]


@dataclass(frozen=True)
class Cost:
    """Of one task in a run of one process: CPU seconds of each side, and tasks/s."""

    worker: float
    redis: float
    rate: float


def ceiling(cost: Cost, *, processes: int, cores: int) -> float:
    """Tasks/s: each process as fast as alone, all cores busy, or Redis' one thread busy; whichever comes first."""
    return min(processes * cost.rate, cores / (cost.worker + cost.redis), 1 / cost.redis)

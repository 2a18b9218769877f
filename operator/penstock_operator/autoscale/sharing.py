"""What part of a queue is whose, where several pools serve it: in proportion to their capacities. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

from penstock.resources.autoscaling import Mode
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.signals import Fleet

__all__ = ["capacity", "portion", "split"]

K = TypeVar("K", bound=tuple[str, str])


def capacity(spec: WorkerPoolSpec, fleet: Fleet) -> int:
    """How many tasks a pool may come to run at once. One that doesn't scale counts as it is; so does one whose pods
    can't start, or the others would leave it what it can never do."""
    fixed = spec.autoscaling.mode is not Mode.AUTO or spec.autoscaling.paused or bool(fleet.trouble)
    replicas = max(fleet.ready, 0 if fleet.trouble else fleet.wanted) if fixed else spec.autoscaling.max_replicas
    return replicas * spec.concurrency * spec.processes


def portion(key: K, capacities: Mapping[K, int]) -> float:
    """A pool's part of a whole; all alike where none has any capacity."""
    whole = sum(capacities.values())
    return capacities[key] / whole if whole else 1 / len(capacities)


def split(count: int, capacities: Mapping[K, int]) -> dict[K, int]:
    """Whole tasks for each, by the largest remainder (Hamilton's method): a single task wakes one pool, not all."""
    whole = sum(capacities.values()) or len(capacities)
    exact = {
        key: Fraction(count * (weight or not any(capacities.values())), whole) for key, weight in capacities.items()
    }
    given = {key: int(part) for key, part in exact.items()}
    left = count - sum(given.values())
    for key in sorted(exact, key=lambda key: (given[key] - exact[key], -capacities[key], key))[:left]:
        given[key] += 1
    return given

"""Percentiles of samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Percentiles", "percentile"]


def percentile(values: Sequence[float], percent: int) -> float:
    """In the values' unit, interpolated. Raises ValueError for none."""
    if not values:
        raise ValueError("no samples")
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True)
class Percentiles:
    """How long something took, ms."""

    samples: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Percentiles:
        """Of samples in ms, rounded to a µs."""
        return cls(len(values), *(round(percentile(values, percent), 3) for percent in (50, 95, 99)))

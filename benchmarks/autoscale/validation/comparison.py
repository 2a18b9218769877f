"""Measured beside predicted. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.autoscale.validation.measured import Measured

__all__ = ["Row", "compare", "lines"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, both ways."""

    name: str
    measured: float
    predicted: float

    @property
    def difference(self) -> float:
        """Of the prediction, as a share of what was measured; `inf` where that is nothing."""
        if self.measured == self.predicted:
            return 0.0
        return (self.predicted - self.measured) / self.measured if self.measured else math.inf


def compare(
    measured: Measured, pods: Sequence[int], figures: Mapping[str, float], guess: Sequence[float], objective: float
) -> list[Row]:
    """`pods`: at each second as measured; `figures` and `guess`: those of the prediction."""
    waits = sorted(task.wait for task in measured.tasks)
    late = sum(wait > objective for wait in waits) / len(waits)
    apart = statistics.fmean(abs(left - right) for left, right in zip(pods, guess, strict=True))
    return [
        *(Row(f"p{percent} of the wait, s", _rank(waits, percent), figures[f"p{percent}"]) for percent in (50, 95, 99)),
        Row("late, share", late, figures["late"]),
        Row("pod-seconds", measured.pod_seconds, figures["pod seconds"]),
        Row("most pods at once", max(pods), max(guess)),
        Row("pods, mean over time", statistics.fmean(pods), statistics.fmean(guess)),
        Row("pods apart at a moment, mean", 0.0, apart),
    ]


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """As a table's cells."""
    told = [[row.name, f"{row.measured:,.2f}", f"{row.predicted:,.2f}", _percent(row.difference)] for row in rows]
    return [["", "measured", "predicted", "difference"], *told]


def _rank(ordered: Sequence[float], percent: float) -> float:
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def _percent(share: float) -> str:
    return "-" if math.isinf(share) else f"{share:+.0%}"

"""What was measured and counted, as lines for people and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path


class Figures:
    """By the test that found them, in their order."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, float]] = {}

    def add(self, test: str, **figures: float) -> None:
        """Note some."""
        self._found.setdefault(test, {}).update({name: round(value, 3) for name, value in figures.items()})

    def write(self, out: Path) -> None:
        """All of them as JSON."""
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(self._found, indent=2) + "\n")

    def table(self) -> str:
        """All of them for people."""
        return "\n".join(f"{test}: {json.dumps(figures)[1:-1]}" for test, figures in self._found.items())


def percentile(values: Sequence[float], part: float) -> float:
    """The value that so large a part of all doesn't exceed: of few values, the largest for 0.99."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(prefix: str, values: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the largest, in seconds, and of how many."""
    return {
        f"{prefix}_p50": statistics.median(values),
        f"{prefix}_p99": percentile(values, 0.99),
        f"{prefix}_max": max(values),
        f"{prefix}_count": len(values),
    }

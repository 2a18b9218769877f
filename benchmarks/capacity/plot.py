"""The plot that the documentation shows: rates above, the operator's memory below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.capacity.figures import Figures
from benchmarks.capacity.table import levels
from benchmarks.peers.svg import Chart, Group, draw

__all__ = ["FILE", "charts", "write"]

FILE = Path("docs/plots/capacity.svg")
RATES = {"raw": "API alone", "sustained": "Tasks", "jobs": "Jobs"}


def charts(figures: Figures) -> Iterator[Chart]:
    """None of which nothing was measured."""
    rates = tuple(Group(label, (figures[n],), own=n == "sustained") for n, label in RATES.items() if n in figures)
    if rates:
        yield Chart("Created and completed, on one machine", "per second", ("",), rates, digits=1)
    peaks = tuple(Group(f"{level:,}", (figures[f"peak {level}"],), own=True) for level in levels(figures))
    if peaks:
        yield Chart("Peak memory of the operator, by live Tasks", "MB", ("",), peaks)


def write(figures: Figures, path: Path = FILE) -> list[Path]:
    """Draw what was measured; the file, if there is anything to draw."""
    found = list(charts(figures))
    if not found:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(*found))
    return [path]

"""The plots that the documentation shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.figures import Figures, median
from benchmarks.peers.svg import Chart, Group, draw
from benchmarks.peers.systems import OWN

__all__ = ["charts", "write"]

FOLDER = Path("docs/plots")


def charts(figures: Figures) -> Iterator[tuple[str, Chart]]:
    """File names and what they show; none of which nothing was measured. Systems are in order, the best first."""
    processes = (1, 2, 4, 8, 16)
    one = "one worker process, results stored"
    yield "enqueue", _chart(figures, "Enqueueing no-ops in bulk", "tasks/s", {"": "enqueue"})
    yield "drain", _chart(figures, f"Draining no-ops: {one}", "tasks/s", {"": "drain 1"})
    names = {f"{n} process" + "es" * (n > 1): f"drain {n}" for n in processes}
    yield "scale", _chart(figures, "Draining no-ops by several worker processes", "tasks/s", names)
    starts = {"p50": "start 200 p50", "p99": "start 200 p99"}
    yield "latency", _chart(figures, "From enqueue call to start, at 200 tasks/s", "ms", starts)


def _chart(figures: Figures, title: str, unit: str, names: dict[str, str]) -> Chart:
    slow = unit == "ms"
    groups = [
        Group(system, tuple(median(figures, system, name) for name in names.values()), own=system == OWN)
        for system in figures
    ]
    found = [group for group in groups if any(value is not None for value in group.values)]
    found.sort(key=lambda group: _place(group.values[0], slow))
    return Chart(title, unit, tuple(names), tuple(found), log=slow, digits=2 if slow else 0)


def _place(value: float | None, slow: bool) -> float:
    """The best has the lowest; a system whose first figure lacks comes last."""
    if value is None:
        return math.inf
    return value if slow else -value


def write(figures: Figures, folder: Path = FOLDER) -> list[Path]:
    """Draw what was measured; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, chart in charts(figures):
        if chart.groups:
            path = folder / f"{name}.svg"
            path.write_text(draw(chart))
            drawn.append(path)
    return drawn

"""The figures for people, in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.capacity.figures import Figures, Found
from benchmarks.peers.table import aligned

__all__ = ["levels", "tables"]

RATES = {
    "raw": "create and one status patch, no operator there",
    "sustained": "Tasks, as many open as the client has places",
    "burst": "Tasks, all created at once",
    "jobs": "Jobs of a container that ends at once",
    "batch": "items of one TaskBatch",
}
LATENCIES = {"p50": "p50", "p95": "p95", "p99": "p99"}
LIVE = {  # figure → heading, digits, factor
    "peak": ("peak MB", 0, 1.0),
    "standby": ("standby MB", 0, 1.0),
    "cost": ("µs CPU a Task", 0, 1e6),
    "idle": ("idle cores", 3, 1.0),
    "rate": ("Tasks/s", 0, 1.0),
    "restart": ("restart s", 1, 1.0),
    "stored": ("etcd's file MB", 0, 1e-6),
}


def levels(figures: Figures) -> list[int]:
    """The numbers of live Tasks that there are figures of."""
    return sorted({int(name.partition(" ")[2]) for name in figures if name.startswith("peak ")})


def tables(stages: Mapping[str, Found], figures: Figures) -> Iterator[str]:
    """Those of which something was measured, then what wasn't."""
    yield from _table("per second", [[what, f"{figures[n]:,.1f}"] for n, what in RATES.items() if n in figures])
    yield from _table(
        "a single Task, ms", [[what, f"{figures[n]:,.1f}"] for n, what in LATENCIES.items() if n in figures]
    )
    if found := levels(figures):
        yield from _table("the operator beside live Tasks", _live(figures, found))
    if "object" in figures:
        yield f"a finished Task takes {figures['object']:,.0f} bytes of JSON\n"
    for name, stage in stages.items():
        if stage.error is not None:
            yield f"{name}: NOT MEASURED: {stage.error}\n"


def _table(title: str, lines: list[list[str]]) -> Iterator[str]:
    if lines:
        yield f"{title}\n{aligned(lines)}\n"


def _live(figures: Figures, found: list[int]) -> list[list[str]]:
    names = [name for name in LIVE if any(f"{name} {level}" in figures for level in found)]
    head = ["live", *(LIVE[name][0] for name in names)]
    return [head, *([f"{level:,}", *(_cell(figures, name, level) for name in names)] for level in found)]


def _cell(figures: Figures, name: str, level: int) -> str:
    _, digits, factor = LIVE[name]
    value = figures.get(f"{name} {level}")
    return "-" if value is None else f"{value * factor:,.{digits}f}"

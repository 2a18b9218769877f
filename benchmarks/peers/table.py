"""Figures as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers.figures import Figures, Spread

__all__ = ["SECTIONS", "Section", "aligned", "tables"]


@dataclass(frozen=True)
class Section:
    """One table: a column a figure, a line a system."""

    title: str
    columns: dict[str, str]  # heading → the figure's name
    digits: int = 0
    factor: float = 1.0


_PERCENTILES = ("p50", "p95", "p99")
_AS_WRITTEN = ("default", "arguments", "model", "thread", "backlog")
SECTIONS = (
    Section("no-ops in bulk, tasks/s", {"enqueue": "enqueue", "drain": "drain 1"}),
    Section("drain by processes, tasks/s", {f"{n}": f"drain {n}" for n in (1, 2, 4, 8, 16)}),
    Section("drain of 1 ms CPU by processes, tasks/s", {f"{n}": f"burn {n}" for n in (1, 2)}),
    Section("enqueue → start at 200/s, ms", {p: f"start 200 {p}" for p in _PERCENTILES}, digits=2),
    Section("enqueue → start at 2,000/s, ms", {p: f"start 2000 {p}" for p in _PERCENTILES}, digits=2),
    Section("enqueue → result, one after another, ms", {p: f"result {p}" for p in _PERCENTILES}, digits=2),
    Section("tasks that sleep, elapsed / ideal", {"ratio": "sleep"}, digits=3),
    Section("memory after the drain (all of a worker's processes), MB", {"worker": "rss"}, digits=1),
    Section("memory of a queued no-op in Redis, bytes", {"bytes": "bytes"}),
    Section("CPU of a no-op's drain, µs", {"worker": "worker cost", "Redis": "redis cost"}, digits=1, factor=1_000_000),
    Section("tasks as written, queued in bulk, tasks/s", {name: f"enqueue {name}" for name in _AS_WRITTEN}),
    Section("tasks as written, drained at the default concurrency, tasks/s", {name: name for name in _AS_WRITTEN}),
    Section("drain with tracing, tasks/s", {"100 %": "traced 100%", "1 %": "traced 1%"}),
    Section("results lost in a drain", {"results": "lost"}),
    Section("spans missing", {"100 %": "missing 100%", "1 %": "missing 1%"}),
)


def tables(figures: Figures) -> Iterator[str]:
    """Those of which something was measured: medians, with the lowest and the highest of several rounds."""
    for section in SECTIONS:
        lines = [
            [system, *(_cell(spreads.get(name), section) for name in section.columns.values())]
            for system, spreads in figures.items()
            if any(name in spreads for name in section.columns.values())
        ]
        if lines:
            yield f"{section.title}\n{aligned([['', *section.columns], *lines])}\n"


def aligned(lines: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Columns under each other; the first few to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(("  " + "  ".join(_padded(line, widths, left))).rstrip() for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int], left: int) -> Iterator[str]:
    for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.ljust(width) if number < left else cell.rjust(width)


def _cell(spread: Spread | None, section: Section) -> str:
    if spread is None:
        return "-"
    middle, low, high = (
        f"{value * section.factor:,.{section.digits}f}" for value in (spread.median, spread.low, spread.high)
    )
    return middle if spread.rounds == 1 else f"{middle} ({low} to {high})"

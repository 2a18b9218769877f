"""The figures as tables: aligned for a terminal, in Markdown for pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.autoscale.bars import Table
from benchmarks.autoscale.figures import Spread
from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.peers.table import aligned

__all__ = ["piped", "sections", "tables"]


def _percent(spread: Spread) -> str:
    return f"{spread.mean:.2%}"


def _seconds(spread: Spread) -> str:
    return f"{spread.mean:,.1f}"


def _number(spread: Spread) -> str:
    return f"{spread.mean:,.0f}"


def _ranged(spread: Spread) -> str:
    return f"{spread.mean:,.0f} ({spread.low:,.0f} to {spread.high:,.0f})"


COLUMNS: Mapping[str, tuple[str, Callable[[Spread], str]]] = {
    "late": ("late", _percent),
    "time": ("late time", _percent),
    "p50 s": ("p50", _seconds),
    "p95 s": ("p95", _seconds),
    "p99 s": ("p99", _seconds),
    "pod-seconds": ("pod seconds", _ranged),
    "flaps": ("flaps", _number),
    "interrupted": ("interrupted", _number),
    "busy chosen": ("sigterms", _number),
    "peak": ("peak", _number),
}


def tables(table: Table) -> Iterator[str]:
    """One for each pattern."""
    for pattern, scalers in table.items():
        yield f"{_title(pattern)}\n{aligned(_lines(scalers))}\n"


def sections(table: Table) -> dict[str, list[list[str]]]:
    """The cells of each pattern's."""
    return {pattern: _lines(scalers) for pattern, scalers in table.items()}


def _title(pattern: str) -> str:
    what = PATTERNS[pattern]
    return f"{pattern}: {what.title}; T = {what.objective:g} s"


def _lines(scalers: Mapping[str, Mapping[str, Spread]]) -> list[list[str]]:
    rows = [[name, *(told(found[figure]) for figure, told in COLUMNS.values())] for name, found in scalers.items()]
    return [["", *COLUMNS], *rows]


def piped(lines: Sequence[Sequence[str]]) -> str:
    """In Markdown; the first line is the head, the first column to the left."""
    head, *rows = lines
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))

"""The results as the documentation shows them: between two marks in its page, so that a full run renews them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.autoscale.bars import Table
from benchmarks.autoscale.figures import Spread
from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.autoscale.table import piped, sections
from benchmarks.peers.bars import Bar

__all__ = ["PAGE", "renew"]

PAGE = Path("docs/autoscaling.md")
BEGIN, END = "<!-- simulated -->", "<!-- /simulated -->"


def renew(table: Table, bars: Sequence[Bar], path: Path = PAGE) -> list[Path]:
    """Write them there; the page. It has to have the marks."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    results = "\n".join(_results(table, bars))
    path.write_text(f"{before}{BEGIN}\n\n{results}\n{END}{after}")
    return [path]


def _results(table: Table, bars: Sequence[Bar]) -> Iterator[str]:
    yield "Tasks that waited longer than the objective, and pod-seconds, in thousands:\n"
    yield piped(_summary(table)) + "\n"
    yield "The bar, pattern by pattern:\n"
    yield (
        piped([["pattern and pair", "measured", ""], *([bar.wanted, bar.measured, bar.verdict] for bar in bars)]) + "\n"
    )
    for pattern, lines in sections(table).items():
        what = PATTERNS[pattern]
        yield f"#### {what.title}\n"
        yield f"`{pattern}`, {what.seconds / 3600:g} h, objective {what.objective:g} s. From: {what.source}.\n"
        yield f"![arrivals, waiting tasks and pods over time](plots/autoscale-{pattern}.svg)\n"
        yield piped(lines) + "\n"


def _summary(table: Table) -> list[list[str]]:
    scalers = list(next(iter(table.values())))
    rows = [[pattern, *(_cell(found[scaler]) for scaler in scalers)] for pattern, found in table.items()]
    return [["", *scalers], *rows]


def _cell(found: Mapping[str, Spread]) -> str:
    return f"{found['late'].mean:.2%}, {found['pod seconds'].mean / 1000:,.1f}"

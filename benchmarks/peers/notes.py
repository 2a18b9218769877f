"""What the tables of figures can't show: what wasn't measured, and what was measured otherwise than asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.peers.drain import Drain
from benchmarks.peers.figures import Row
from benchmarks.peers.latency import Latency
from benchmarks.peers.options import Options
from benchmarks.peers.systems import SYSTEMS

__all__ = ["notes"]

LATE_MS = 5.0  # p99 of how late calls were: beyond, the caller didn't keep the rate


def notes(rows: Iterable[Row], options: Options) -> Iterator[str]:
    """A line each: how each system was set up, then what is worth knowing of single measurements."""
    for system in options.systems:
        yield f"{system}: {SYSTEMS[system].settings}"
    for row in rows:
        yield from (f"round {row.round}, {row.case.title}: {said}" for said in _said(row, options))


def _said(row: Row, options: Options) -> Iterator[str]:
    if row.error is not None:
        yield f"NOT MEASURED: {row.error}"
    if row.case.function == "noop" and row.case.tasks < options.tasks:
        yield f"fewer tasks than the {options.tasks:,} asked for, as it would take too long"
    if isinstance(row.outcome, Drain):
        yield from _said_of_drain(row, row.outcome)
    if isinstance(row.outcome, Latency):
        yield from _said_of_latency(row.outcome)


def _said_of_drain(row: Row, drain: Drain) -> Iterator[str]:
    if (spans := drain.spans) is not None:
        yield f"{spans.traces:,} traces: {spans.expected:,} spans expected, {spans.missing:,} missing; {spans.received}"
    if drain.work is None:
        return
    if drain.work.processes < row.case.processes:
        yield f"only {drain.work.processes} processes got any task"
    if drain.work.lost:
        yield f"LOST {drain.work.lost:,} results"
    if drain.work.started > drain.tasks:
        yield f"{drain.work.started - drain.tasks:,} functions were started once more"


def _said_of_latency(latency: Latency) -> Iterator[str]:
    for opened in latency.opened:
        if opened.late_p99_ms > LATE_MS:
            yield (
                f"the caller kept {opened.achieved:,.0f} of {opened.rate:,} calls/s, "
                f"{opened.late_p99_ms:.0f} ms behind (p99)"
            )

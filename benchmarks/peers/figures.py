"""From measurements to figures: named numbers, a median over the rounds of each.

Names: `enqueue`, `drain N`, `burn N` (tasks/s; N processes), `default`, `arguments`, `model`, `thread`, `backlog`
(tasks/s, of the case with that `figure`) and `enqueue FIGURE`, `traced 100%`, `traced 1%` (tasks/s), `missing 100%`,
`missing 1%` (spans), `lost` (results), `failed` (1 for each drain that couldn't be measured), `start RATE pP`,
`result pP` (ms), `sleep` (elapsed against the ideal), `rss` (MB), `bytes` (in Redis, of a queued task), `worker cost`,
`redis cost` (CPU seconds of a task).
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.peers.drain import Drain
from benchmarks.peers.latency import Latency
from benchmarks.peers.percentiles import Percentiles
from benchmarks.peers.plan import NAP_BATCHES, Case
from benchmarks.peers.sink import STEPS

__all__ = ["Figures", "Row", "Spread", "collect", "median"]


@dataclass(frozen=True)
class Row:
    """One measurement of one round; `error` says why it couldn't be taken."""

    round: int
    case: Case
    outcome: Drain | Latency | None = None
    error: str | None = None

    def figures(self) -> dict[str, float]:
        """What it gives."""
        if isinstance(self.outcome, Latency):
            return dict(_latency(self.outcome))
        return dict(_drain(self.case, self.outcome)) if self.outcome else {}


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of one value a round."""
        return cls(statistics.median(values), min(values), max(values), len(values))


Figures: TypeAlias = Mapping[str, Mapping[str, Spread]]  # system → name → spread


def collect(rows: Iterable[Row]) -> Figures:
    """All rounds together."""
    values: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.error is not None and row.case.is_drain:
            values[row.case.system]["failed"].append(1)
        for name, value in row.figures().items():
            values[row.case.system][name].append(value)
    return {
        system: {name: Spread.of(found) for name, found in sorted(names.items())} for system, names in values.items()
    }


def median(figures: Figures, system: str, name: str) -> float | None:
    """None where it wasn't measured."""
    spread = figures.get(system, {}).get(name)
    return spread.median if spread else None


def _drain(case: Case, drain: Drain) -> Iterator[tuple[str, float]]:
    if case.figure:
        yield f"enqueue {case.figure}", drain.tasks / drain.enqueue_seconds
    elif case.function == "noop" and case.traces is None and case.processes < 2:
        yield "enqueue", drain.tasks / drain.enqueue_seconds
        yield "bytes", drain.redis_bytes
    if drain.work is None:
        return
    yield "lost", drain.work.lost
    if case.function == "nap":
        yield "sleep", drain.work.seconds / NAP_BATCHES
        return
    yield _drain_name(case), drain.tasks / drain.work.seconds
    if case.is_base:
        yield "rss", drain.work.rss_mb
        yield "worker cost", drain.work.worker_cpu / drain.tasks
        yield "redis cost", drain.work.redis_cpu / drain.tasks
    if case.traces is not None and drain.spans is not None:
        yield f"missing {case.traces:.0%}", _missing(case, drain.tasks, drain.spans.traces, drain.spans.missing)


def _drain_name(case: Case) -> str:
    if case.figure:
        return case.figure
    if case.traces is not None:
        return f"traced {case.traces:.0%}"
    return f"{'drain' if case.function == 'noop' else case.function} {case.processes}"


def _missing(case: Case, tasks: int, traces: int, missing: int) -> int:
    """Spans that didn't arrive; where all are sampled, those of traces besides of which nothing did."""
    return missing + (max(0, tasks - traces) * len(STEPS) if case.traces == 1 else 0)


def _latency(latency: Latency) -> Iterator[tuple[str, float]]:
    for opened in latency.opened:
        yield from _percentiles(f"start {opened.rate}", opened.started)
    yield from _percentiles("result", latency.result)


def _percentiles(name: str, found: Percentiles) -> Iterator[tuple[str, float]]:
    yield f"{name} p50", found.p50
    yield f"{name} p95", found.p95
    yield f"{name} p99", found.p99

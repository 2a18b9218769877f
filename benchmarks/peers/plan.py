"""What a run measures, case by case, and in which order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.peers.options import Options
from benchmarks.peers.systems import OWN, SYSTEMS, System

__all__ = ["BACKLOG", "NAP_BATCHES", "Case", "bounded", "cases", "order"]

PROCESSES = (2, 4, 8, 16)
RATIOS = (1.0, 0.01)
BACKLOG = 50  # times the tasks: a million where 20,000 are asked for
NAP_TASKS = 5_000
NAP_BATCHES = 5  # how often each place is used: the ideal is so many seconds
POINT_SECONDS = 60.0  # of a drain after the first: slower systems get fewer tasks


@dataclass(frozen=True)
class Case:
    """One measurement of one system: of latencies, or of a drain (of enqueueing alone where `processes` is 0).

    `traces` is the share of traces that is sampled, None without tracing. `figure` names the rate where it isn't that
    of `function` by so many processes.
    """

    system: str
    function: str
    tasks: int
    concurrency: int
    processes: int = 1
    traces: float | None = None
    figure: str = ""

    @property
    def is_base(self) -> bool:
        """Whether it is the plain drain by one process, which tells how long others will take."""
        return self.function == "noop" and self.processes == 1 and self.traces is None and not self.figure

    @property
    def is_drain(self) -> bool:
        """Whether anything is worked off whose result might be lost."""
        return self.function != "latency" and self.processes > 0

    @property
    def title(self) -> str:
        """For people."""
        if self.function == "latency":
            return f"{self.system}: latency"
        if not self.processes:
            return f"{self.system}: enqueue {self.tasks:,}"
        traces = "" if self.traces is None else f", {self.traces:.0%} of traces"
        figure = f" ({self.figure})" if self.figure not in ("", self.function) else ""
        return f"{self.system}: {self.tasks:,} {self.function}{figure}, processes: {self.processes}{traces}"


def cases(options: Options, system: str) -> list[Case]:
    """What is measured of a system in every round; no case twice."""
    return list(dict.fromkeys(_cases(options, system)))


def _cases(options: Options, system: str) -> Iterator[Case]:
    only, own = set(options.only), system == OWN
    base = Case(system, "noop", options.tasks, options.concurrency)
    if only & {"drain", "scale", "memory"} or (own and "ceiling" in only):
        yield base
    elif "enqueue" in only:
        yield replace(base, processes=0)
    if "scale" in only:
        yield from (replace(base, processes=processes) for processes in PROCESSES)
    if own and "scale" in only:
        yield from (replace(base, function="burn", processes=processes) for processes in (1, 2))
    if own and "ceiling" in only:
        yield replace(base, processes=2)
    if own and "tracing" in only:
        yield from (replace(base, traces=ratio) for ratio in RATIOS)
    if "sleep" in only and SYSTEMS[system].is_async:
        tasks = min(NAP_TASKS, max(NAP_BATCHES, options.tasks // NAP_BATCHES * NAP_BATCHES))
        yield Case(system, "nap", tasks, tasks // NAP_BATCHES)
    if "latency" in only:
        yield Case(system, "latency", 0, options.concurrency)
    yield from _as_written(options, SYSTEMS[system])


def _as_written(options: Options, system: System) -> Iterator[Case]:
    """Tasks as people write and run them: at the concurrency that the system has if it isn't told."""
    only, own = set(options.only), system.name == OWN
    noop = Case(system.name, "noop", options.tasks, system.default, figure="default")
    if "default" in only or (own and "backlog" in only):
        yield noop
    if own and "backlog" in only:
        yield replace(noop, tasks=options.tasks * BACKLOG, figure="backlog")
    for function, fits in (("arguments", True), ("model", system.models), ("thread", system.threads)):
        if fits and function in only:
            yield replace(noop, function=function, figure=function)


def order(options: Options, dice: random.Random) -> list[Case]:
    """One round's, shuffled; the plain drains come first, as the others are bounded by them."""
    found = [case for system in options.systems for case in cases(options, system)]
    dice.shuffle(found)
    return sorted(found, key=lambda case: not case.is_base)


def bounded(case: Case, rate: float | None) -> Case:
    """The case, with no more tasks than take about a minute at the rate (tasks/s) of one process."""
    if rate is None or case.is_base or case.function != "noop" or case.figure == "backlog":
        return case
    return replace(case, tasks=max(1, min(case.tasks, round(rate * POINT_SECONDS))))

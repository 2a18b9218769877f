"""Measurements as a run takes them, for the tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.drain import Drain, Work
from benchmarks.peers.figures import Figures, Row, collect
from benchmarks.peers.latency import Latency, Opened
from benchmarks.peers.options import Options
from benchmarks.peers.percentiles import Percentiles
from benchmarks.peers.plan import NAP_BATCHES, Case, cases
from benchmarks.peers.sink import Spans
from benchmarks.peers.systems import OWN, PEERS, SYSTEMS

TASKS = 20_000


def work(rate: float, *, processes: int = 1, lost: int = 0, rss: float = 60.0) -> Work:
    return Work(TASKS / rate, processes, TASKS, lost, worker_cpu=0.2, redis_cpu=0.2, rss_mb=rss)


def drained(system: str, rate: float, *, number: int = 1, processes: int = 1, lost: int = 0, rss: float = 60.0) -> Row:
    case = Case(system, "noop", TASKS, 100, processes)
    return Row(number, case, Drain(TASKS, 0.5, 250.0, work(rate, processes=processes, lost=lost, rss=rss)))


def traced(rate: float, *, traces: int = TASKS, missing: int = 0) -> Row:
    case = Case(OWN, "noop", TASKS, 100, traces=1.0)
    return Row(1, case, Drain(TASKS, 0.5, 250.0, work(rate), Spans(traces, {}, missing, 0)))


def timed(system: str, p50: float, p99: float) -> Row:
    found = Percentiles(1_000, p50, (p50 + p99) / 2, p99)
    opened = (Opened(200, found, 200.0, 0.1), Opened(2_000, found, 2_000.0, 0.1))
    return Row(1, Case(system, "latency", 0, 100), Latency(opened, found))


def failed(system: str, *, function: str = "noop", processes: int = 1) -> Row:
    return Row(1, Case(system, function, TASKS, 100, processes), error="it did not start")


def napped(ratio: float) -> Row:
    """An own one that took so many times the ideal."""
    return Row(1, Case(OWN, "nap", 5_000, 1_000), Drain(5_000, 0.1, 250.0, work(TASKS / (ratio * NAP_BATCHES))))


def burned(rate: float, processes: int) -> Row:
    return Row(1, Case(OWN, "burn", TASKS, 100, processes), Drain(TASKS, 0.5, 250.0, work(rate, processes=processes)))


def written(figure: str, system: str, rate: float, *, tasks: int = TASKS) -> Row:
    """A task as people write it, at the default concurrency."""
    function = "noop" if figure in ("default", "backlog") else figure
    case = Case(system, function, tasks, SYSTEMS[system].default, figure=figure)
    return Row(1, case, Drain(tasks, 0.5, 250.0, replace(work(rate), seconds=tasks / rate, started=tasks)))


def enqueued(system: str, rate: float, *, size: float = 250.0) -> Row:
    return Row(1, Case(system, "noop", TASKS, 100, processes=0), Drain(TASKS, TASKS / rate, size))


def taken(number: int, case: Case) -> Row:
    """Any case, measured without a fault."""
    if case.function == "latency":
        return Row(number, case, timed(case.system, 0.4, 0.9).outcome)
    spans = None if case.traces is None else Spans(round(case.tasks * case.traces), {}, 0, 0)
    done = replace(work(10_000, processes=case.processes), started=case.tasks) if case.processes else None
    return Row(number, case, Drain(case.tasks, 0.5, 250.0, done, spans))


def run(options: Options) -> list[Row]:
    """All that these ask for."""
    planned = [case for system in options.systems for case in cases(options, system)]
    return [taken(number, case) for number in range(1, options.rounds + 1) for case in planned]


def figures(*rows: Row) -> Figures:
    return collect(rows)


def peers(rate: float) -> list[Row]:
    """All of them as fast as that."""
    return [drained(peer, rate) for peer in PEERS]

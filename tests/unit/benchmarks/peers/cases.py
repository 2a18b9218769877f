"""Measurements as a run takes them, for the tests of what is made of them."""

from __future__ import annotations

from benchmarks.peers.drain import Drain, Work
from benchmarks.peers.figures import Figures, Row, collect
from benchmarks.peers.latency import Latency, Opened
from benchmarks.peers.percentiles import Percentiles
from benchmarks.peers.plan import Case
from benchmarks.peers.sink import Spans
from benchmarks.peers.systems import OWN, PEERS

TASKS = 20_000


def work(rate: float, *, lost: int = 0, rss: float = 60.0) -> Work:
    return Work(TASKS / rate, 1, TASKS, lost, worker_cpu=0.2, redis_cpu=0.2, rss_mb=rss)


def drained(system: str, rate: float, *, number: int = 1, processes: int = 1, lost: int = 0, rss: float = 60.0) -> Row:
    case = Case(system, "noop", TASKS, 100, processes)
    return Row(number, case, Drain(TASKS, 0.5, 250.0, work(rate, lost=lost, rss=rss)))


def traced(rate: float, *, traces: int = TASKS, missing: int = 0) -> Row:
    case = Case(OWN, "noop", TASKS, 100, traces=1.0)
    return Row(1, case, Drain(TASKS, 0.5, 250.0, work(rate), Spans(traces, {}, missing, 0)))


def timed(system: str, p50: float, p99: float) -> Row:
    found = Percentiles(1_000, p50, (p50 + p99) / 2, p99)
    opened = (Opened(200, found, 200.0, 0.1), Opened(2_000, found, 2_000.0, 0.1))
    return Row(1, Case(system, "latency", 0, 100), Latency(opened, found))


def failed(system: str) -> Row:
    return Row(1, Case(system, "noop", TASKS, 100), error="it did not start")


def figures(*rows: Row) -> Figures:
    return collect(rows)


def peers(rate: float) -> list[Row]:
    """All of them as fast as that."""
    return [drained(peer, rate) for peer in PEERS]

"""How fast tasks are queued and worked off, and what that takes."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers import procfs
from benchmarks.peers.collector import collect
from benchmarks.peers.environment import Environment
from benchmarks.peers.plan import Case
from benchmarks.peers.process import Failed, wait_until
from benchmarks.peers.sink import Spans
from benchmarks.peers.stage import Producer, Stage, Workers, stage
from benchmarks.peers.systems import SYSTEMS

__all__ = ["Drain", "Work", "measure"]

DRAIN_SECONDS = 180.0
LEAST_RATE = 2_000  # tasks/s: a long backlog may take longer
STORE_SECONDS = 20.0
RESULTS_SECONDS = 5.0
RESULTS_LOOK = 0.1  # counting costs Redis something
AT_ONCE = 200  # single enqueues, for a trace each
PIECE = 100_000  # tasks: who submits them keeps a handle of each
REDIS_BYTES = 2_000  # of a task in Redis at most, with its result
REWRITE_SECONDS = 120.0


@dataclass(frozen=True)
class Work:
    """Working off. `seconds` from the moment that all processes were let go with their first task in hand until all
    results were stored. CPU in seconds, of the worker's processes and of Redis, in that time; `rss_mb` at its end."""

    seconds: float
    processes: int  # that took part
    started: int  # functions: more than the tasks if some ran twice
    lost: int  # results that weren't there
    worker_cpu: float
    redis_cpu: float
    rss_mb: float


@dataclass(frozen=True)
class Drain:
    """One drain. `redis_bytes` is what a queued task takes; `work` is None where nothing was worked off."""

    tasks: int
    enqueue_seconds: float
    redis_bytes: float
    work: Work | None = None
    spans: Spans | None = None


def measure(case: Case, environment: Environment) -> Drain:
    """Queue, work off, count. Raises Failed."""
    if case.traces is None:
        return _measure(case, environment, {})
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder, collect(Path(folder)) as collector:
        drain = _measure(case, environment, collector.variables(case.traces))
        return replace(drain, spans=collector.spans())


def _measure(case: Case, environment: Environment, extra: dict[str, str]) -> Drain:
    with stage(SYSTEMS[case.system], environment, case.concurrency, extra) as on:
        with on.producer() as producer:
            drain = _enqueue(on, case, producer)
        if not case.processes:
            return drain
        with on.workers(case.processes) as workers:
            return replace(drain, work=_work(on, case, workers))


def _enqueue(on: Stage, case: Case, producer: Producer) -> Drain:
    before = on.server.memory()
    if (needed := case.tasks * REDIS_BYTES) > (available := procfs.available_bytes()):
        raise Failed(f"Redis may need {needed / 1e6:,.0f} MB of memory, {available / 1e6:,.0f} MB are available")
    if case.traces is None:
        seconds = sum(_enqueued(producer, case, first) for first in range(0, case.tasks, PIECE))
    else:
        answer = producer.ask("one_by_one", function=case.function, count=case.tasks, at_once=AT_ONCE)
        seconds = answer["seconds"]
    taken = on.server.memory() - before
    # A fork that writes a new log would take a core from the drain of a long backlog.
    wait_until(lambda: not on.server.rewrites(), REWRITE_SECONDS, "Redis' log is rewritten")
    return Drain(case.tasks, seconds, taken / case.tasks)


def _enqueued(producer: Producer, case: Case, first: int) -> float:
    """Seconds for one piece."""
    answer = producer.ask("enqueue", function=case.function, count=min(PIECE, case.tasks - first))
    return float(answer["seconds"])


def _work(on: Stage, case: Case, workers: Workers) -> Work:
    arrived = on.gather(workers, case.processes)
    worker_cpu, redis_cpu = workers.cpu_seconds(), on.server.cpu_seconds()
    began = on.watch.open_gate()
    _wait_for_acknowledgements(on, case, workers)
    ended = time.monotonic_ns()
    worker_cpu, redis_cpu = workers.cpu_seconds() - worker_cpu, on.server.cpu_seconds() - redis_cpu
    rss_mb = workers.rss_mb()
    late, lost = _missing(on, case)
    ended = late or ended
    return Work((ended - began) / 1e9, arrived, on.watch.starts().count, lost, worker_cpu, redis_cpu, rss_mb)


def _wait_for_acknowledgements(on: Stage, case: Case, workers: Workers) -> None:
    def started() -> bool:
        workers.check()
        return on.watch.starts().count >= case.tasks

    try:
        wait_until(started, max(DRAIN_SECONDS, case.tasks / LEAST_RATE), "the last start")
        wait_until(lambda: not on.server.backlog(on.system), STORE_SECONDS, "the last acknowledgement")
    except Failed as error:
        done = f"{on.watch.starts().count:,} started, {on.server.backlog(on.system):,} not acknowledged"
        raise Failed(f"{error} ({done} of {case.tasks:,})") from None


def _missing(on: Stage, case: Case) -> tuple[int | None, int]:
    """Results of acknowledged tasks that aren't there: when they came after all (ns), or how many are lost."""
    missing = case.tasks - on.server.results(on.system)
    if missing <= 0:
        return None, 0
    try:
        wait_until(
            lambda: on.server.results(on.system) >= case.tasks, RESULTS_SECONDS, "the last result", look=RESULTS_LOOK
        )
    except Failed:
        return None, missing
    return time.monotonic_ns(), 0

"""How long a task waits on an idle worker: in an open loop until it starts, in a closed one until its result is known.

The open loop calls at fixed intervals, whatever became of earlier calls; each carries the time of its call, so that
a caller that falls behind its schedule shows in `late_p99_ms` and not in the latency.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.peers.environment import Environment
from benchmarks.peers.percentiles import Percentiles
from benchmarks.peers.plan import Case
from benchmarks.peers.process import Failed, wait_until
from benchmarks.peers.stage import Producer, Stage, stage
from benchmarks.peers.systems import SYSTEMS

__all__ = ["RATES", "Latency", "Opened", "measure"]

RATES = (200, 2_000)  # a second
SECONDS = 5.0
WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 1.0
CALLS = 300
WARM_UP_CALLS = 20
START_SECONDS = 30.0


@dataclass(frozen=True)
class Opened:
    """Of the open loop: enqueue call to start, ms. `achieved` is the rate that the caller kept, a second."""

    rate: int
    started: Percentiles
    achieved: float
    late_p99_ms: float


@dataclass(frozen=True)
class Latency:
    """One system's. `result`: from the enqueue call until its result was known, ms."""

    opened: tuple[Opened, ...]
    result: Percentiles


def measure(case: Case, environment: Environment) -> Latency:
    """By one worker process. Raises Failed."""
    with stage(SYSTEMS[case.system], environment, case.concurrency) as on:
        on.watch.open_gate()
        with on.producer() as producer, on.workers(1):
            _warm_up(on, producer)
            opened = tuple(_open_loop(on, producer, rate) for rate in RATES)
            result = producer.ask("closed_loop", count=CALLS)
    return Latency(opened, Percentiles.of(result["ms"]))


def _warm_up(on: Stage, producer: Producer) -> None:
    """Not before the worker has seen to what it does at its start: some sweep away tasks that they get meanwhile."""
    producer.ask("enqueue", function="noop", count=1)
    _wait_for(on, 1)
    time.sleep(SETTLE_SECONDS)
    producer.ask("closed_loop", count=WARM_UP_CALLS)


def _open_loop(on: Stage, producer: Producer, rate: int) -> Opened:
    before = on.watch.starts().count
    warmed = producer.ask("open_loop", rate=rate, seconds=WARM_UP_SECONDS, warm_up=True)
    _wait_for(on, before + warmed["sent"])
    known = len(on.watch.samples())
    done = producer.ask("open_loop", rate=rate, seconds=SECONDS, warm_up=False)
    _wait_for(on, before + warmed["sent"] + done["sent"])
    samples = on.watch.samples()[known:]
    if len(samples) != done["sent"]:
        raise Failed(f"{len(samples):,} starts of {done['sent']:,} calls")
    achieved = done["sent"] / done["seconds"]
    return Opened(rate, Percentiles.of([ns / 1e6 for ns in samples]), achieved, done["late_p99_ms"])


def _wait_for(on: Stage, count: int) -> None:
    wait_until(lambda: on.watch.starts().count >= count, START_SECONDS, f"{count:,} starts")

"""Many live Tasks: what they cost the operator, and how it does beside them.

At each level the operator is killed, so that its peak is that of a process that has listed all of them. Then, when it
has become quiet, a thousand more Tasks are run several times, and removed again.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.capacity import operator, outage, store
from benchmarks.capacity.cluster import Cluster, remove
from benchmarks.capacity.figures import Found
from benchmarks.capacity.noop import new_run, task
from benchmarks.capacity.outage import Outage
from benchmarks.capacity.process import Process, spent
from benchmarks.capacity.rate import Rate
from benchmarks.capacity.stuck import Stuck
from benchmarks.capacity.sustained import steady

from penstock.errors import PenstockError
from penstock.report import TASKS

__all__ = ["Level", "Round", "measure"]

ROUNDS = 3
MORE = 1_000
IDLE_SECONDS = 10.0


@dataclass(frozen=True)
class Round:
    """A thousand Tasks beside the live ones; CPU seconds of all operators for each."""

    rate: float
    cost: float


@dataclass(frozen=True)
class Level:
    """What was measured beside so many live Tasks."""

    live: int
    outage: Outage
    rounds: Sequence[Round]
    idle: float
    processes: Mapping[str, Process]
    file_bytes: int | None

    def figures(self) -> dict[str, float]:
        """See `figures`."""
        return {f"{name} {self.live}": value for name, value in self._named()}

    def _named(self) -> Iterator[tuple[str, float]]:
        peaks = [process.peak_mb for process in self.processes.values()]
        yield "peak", max(peaks)
        if len(peaks) > 1:
            idlest = min(self.processes.values(), key=lambda process: process.cpu_seconds)
            yield "standby", idlest.peak_mb
        yield "cost", statistics.median(row.cost for row in self.rounds)
        yield "rate", statistics.median(row.rate for row in self.rounds)
        yield "idle", self.idle
        yield "restart", self.outage.until
        if self.file_bytes is not None:
            yield "stored", self.file_bytes


async def measure(cluster: Cluster, levels: Sequence[int]) -> Found:
    """Level by level, upwards. One that fails is the last, and those below it stand."""
    figures, facts, live = dict[str, float](), dict[str, object]({"tasks a round": MORE, "rounds": ROUNDS}), 0
    for level in sorted(levels):
        try:
            filled = await steady(cluster, run := new_run(), level - live)
            found, live = await _level(cluster, level), level
        except (Stuck, PenstockError) as error:
            return Found(figures, facts, f"at {level:,} live Tasks: {error}")
        figures |= found.figures() | {"object": await _object_bytes(cluster, run)}
        facts[f"{level}"] = _facts(found, filled)
        print(f"    {level:,} live Tasks: {facts[f'{level}']}", flush=True)
    return Found(figures, facts)


async def _level(cluster: Cluster, live: int) -> Level:
    gap = await outage.measure(cluster)
    await operator.quiet(cluster)
    rounds = [await _round(cluster) for _ in range(ROUNDS)]
    idle = await _idle(cluster)
    return Level(live, gap, rounds, idle, await operator.processes(cluster), await store.file_bytes(cluster))


async def _round(cluster: Cluster) -> Round:
    run, before = new_run(), await operator.processes(cluster)
    rate = await steady(cluster, run, MORE)
    used = spent(before, await operator.processes(cluster))
    await remove(cluster, run)
    await operator.quiet(cluster)
    return Round(rate.per_second, sum(used.values()) / MORE)


async def _idle(cluster: Cluster) -> float:
    before, began = await operator.processes(cluster), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    used = spent(before, await operator.processes(cluster))
    return sum(used.values()) / (time.perf_counter() - began)


async def _object_bytes(cluster: Cluster, run: str) -> int:
    """One Task as it is kept: etcd holds custom resources as JSON."""
    found = await cluster.kube.get(TASKS, cluster.namespace, task(run, 0)["metadata"]["name"])
    return len(json.dumps(found, separators=(",", ":")))


def _facts(level: Level, filled: Rate) -> dict[str, object]:
    return {
        "created and run": filled.count,
        "seconds": filled.seconds,
        "longest wait": level.outage.longest,
        "rounds": [{"rate": row.rate, "cost": row.cost} for row in level.rounds],
        "operators": {name: vars(process) for name, process in level.processes.items()},
    }

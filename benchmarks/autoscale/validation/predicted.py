"""What the simulator says would happen: the same arrivals and service times, pods that start as those measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from random import Random

from benchmarks.autoscale.figures import figures
from benchmarks.autoscale.scalers.penstock import Penstock
from benchmarks.autoscale.validation.measured import Measured, counts
from benchmarks.autoscale.world.world import Setting, World

from penstock.resources.pool import WorkerPoolSpec

__all__ = ["predict"]

SEEDS = 20


def predict(measured: Measured, spec: WorkerPoolSpec, objective: float) -> tuple[dict[str, float], list[float]]:
    """Figures, and pods at each second; means over the seeds."""
    worlds = [_simulated(measured, spec, seed) for seed in range(SEEDS)]
    found = [figures(world, objective) for world in worlds]
    pods = [_pods(world, measured.end) for world in worlds]
    return {name: statistics.fmean(one[name] for one in found) for name in found[0]}, _means(pods)


def _simulated(measured: Measured, spec: WorkerPoolSpec, seed: int) -> World:
    setting = Setting(measured.end, spec.concurrency, spec.drain_seconds, measured.startup)
    arrivals = [max(0.0, task.queued) for task in measured.tasks]
    world = World(setting, arrivals, [task.service for task in measured.tasks], Random(seed))
    Penstock(spec).begin(world)
    world.run()
    return world


def _pods(world: World, end: float) -> list[int]:
    pods = (*world.deployment.past, *world.deployment.pods)
    return counts(((pod.created, pod.gone) for pod in pods), end)


def _means(rows: Sequence[Sequence[int]]) -> list[float]:
    return [statistics.fmean(column) for column in zip(*rows, strict=True)]

"""HPA alone, on a queue's depth that Prometheus scrapes and prometheus-adapter serves as an external metric.

CPU, the default metric of HPA, tells little of workers that mostly wait; depth by an exporter is what is usual for
queues without KEDA. Prometheus scrapes each 30 s (the default of the Prometheus operator's charts), so a sync sees a
value of up to 30 s ago. Where the exporter can't read the queue, there is no sample, and the HPA holds. It never goes
below 1: `HPAScaleToZero` is off.
"""

from __future__ import annotations

from benchmarks.autoscale.scalers.hpa import SYNC_SECONDS, Autoscaler, Rules, per_pod
from benchmarks.autoscale.world.world import World

__all__ = ["HpaAlone"]

SCRAPE_SECONDS = 30.0


class HpaAlone:
    """Made for one run. `target`: tasks, ready and in flight, for a replica."""

    def __init__(self, target: float, rules: Rules) -> None:
        self._target = target
        self._hpa = Autoscaler(rules)
        self._scraped: int | None = None

    def begin(self, world: World) -> None:
        """Both loops, at any phase; the first replica is there when the run begins to look."""
        world.deployment.scale(1)
        world.agenda.every(SCRAPE_SECONDS, world.dice.uniform(0.0, SCRAPE_SECONDS), lambda: self._scrape(world))
        world.agenda.every(SYNC_SECONDS, world.dice.uniform(0.0, SYNC_SECONDS), lambda: self._sync(world))

    def _scrape(self, world: World) -> None:
        reading = world.broker.read(world.agenda.now)
        self._scraped = None if reading is None else reading.backlog

    def _sync(self, world: World) -> None:
        deployment, scraped = world.deployment, self._scraped

        def metric() -> int | None:
            return None if scraped is None else per_pod(scraped, self._target, len(deployment.active))

        found = self._hpa.sync(world.agenda.now, deployment.wanted, metric)
        if found != deployment.wanted:
            deployment.scale(found)

"""KEDA's ScaledObject with a `redis-streams` trigger, and the HPA that it makes (kedacore/keda, pkg/scaling and
pkg/scalers).

KEDA's own loop looks each `pollingInterval` and only moves between 0 and 1: to 1 where the metric is above its
activation value (0), to 0 where it hasn't been for `cooldownPeriod`. Everything above is the HPA's, which asks KEDA's
metrics server at each sync; that one asks Redis then and there (`useCachedMetrics` is off unless told otherwise). What
can't be read, without a `fallback`, is an error: KEDA changes nothing, the HPA neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.autoscale.scalers.hpa import SYNC_SECONDS, Autoscaler, Rules, per_pod
from benchmarks.autoscale.world.broker import Reading
from benchmarks.autoscale.world.world import World

__all__ = ["Keda", "Trigger", "lag", "length"]


def lag(reading: Reading) -> int:
    """`lagCount`: entries that no consumer has got yet; KEDA's docs say to use it where the count is to reach 0."""
    return reading.waiting


def length(reading: Reading) -> int:
    """`streamLength`, where consumers delete what they have done: what is in flight counts too."""
    return reading.backlog


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a ScaledObject says. `target`: of the metric for a replica. The rest are KEDA's defaults."""

    target: float
    rules: Rules
    metric: Callable[[Reading], int] = lag
    polling: float = 30.0
    cooldown: float = 300.0
    activation: float = 0.0


class Keda:
    """Made for one run."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._hpa = Autoscaler(trigger.rules)
        self._active: float | None = None  # when it last was

    def begin(self, world: World) -> None:
        """Both loops, at any phase to each other and to the load."""
        trigger, dice = self._trigger, world.dice
        world.agenda.every(trigger.polling, dice.uniform(0.0, trigger.polling), lambda: self._poll(world))
        world.agenda.every(SYNC_SECONDS, dice.uniform(0.0, SYNC_SECONDS), lambda: self._sync(world))

    def _poll(self, world: World) -> None:
        now, wanted = world.agenda.now, world.deployment.wanted
        reading = world.broker.read(now)
        if reading is None:
            return
        if self._trigger.metric(reading) > self._trigger.activation:
            self._active = now
            if not wanted:
                world.deployment.scale(1)
        elif wanted and (self._active is None or self._active + self._trigger.cooldown < now):
            world.deployment.scale(0)

    def _sync(self, world: World) -> None:
        now, deployment = world.agenda.now, world.deployment

        def metric() -> int | None:
            reading = world.broker.read(now)
            if reading is None:
                return None
            return per_pod(self._trigger.metric(reading), self._trigger.target, len(deployment.active))

        found = self._hpa.sync(now, deployment.wanted, metric)
        if found != deployment.wanted:
            deployment.scale(found)

"""One run: tasks that come, pods that work, and whoever scales them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.autoscale.world.agenda import Agenda
from benchmarks.autoscale.world.broker import Broker
from benchmarks.autoscale.world.crew import Crew
from benchmarks.autoscale.world.deployment import Deployment
from benchmarks.autoscale.world.outage import Outage
from benchmarks.autoscale.world.startup import Startup
from benchmarks.autoscale.world.work import Work

__all__ = ["Sample", "Setting", "World"]

SAMPLES = 720
PATIENCE = 3.0  # times the pattern's length: a run whose tasks haven't ended by then never ends


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run goes by, besides its tasks."""

    seconds: float
    concurrency: int
    drain_seconds: float
    startup: Startup
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """How it stood at a moment."""

    at: float
    waiting: int
    in_flight: int
    pods: int
    ready: int


class World:
    """`agenda`, `broker` and `deployment` are what scalers look at and act on; `queued` is called when a task came."""

    def __init__(self, setting: Setting, arrivals: Sequence[float], services: Sequence[float], dice: Random) -> None:
        self.setting = setting
        self.agenda = Agenda()
        self.work = Work(arrivals, services)
        self.broker = Broker(self.work, setting.outages)
        self.crew = Crew(self.agenda, self.broker, self.work)
        self.deployment = Deployment(
            self.agenda, self.crew, setting.concurrency, setting.drain_seconds, setting.startup, dice
        )
        self.dice = dice
        self.queued: Callable[[], None] | None = None
        self.samples: list[Sample] = []
        self.end = math.nan
        self.agenda.every(setting.seconds / SAMPLES, 0.0, self._sample)

    def run(self) -> None:
        """To the pattern's end, or until all tasks have ended if that is later."""
        agenda, arrived, came, count = self.agenda, self.work.arrived, 0, len(self.work)
        limit = PATIENCE * self.setting.seconds
        while agenda.now < limit:
            if came < count and arrived[came] <= agenda.next:
                agenda.now = arrived[came]
                self._arrive(came)
                came += 1
            elif self.broker.finished == count and agenda.next > self.setting.seconds:
                break
            else:
                agenda.step()
        self.end = max(self.setting.seconds, agenda.now)

    def _arrive(self, task: int) -> None:
        """Producers keep what the broker doesn't take, and send it when it is back."""
        back = self.broker.back(self.agenda.now)
        if back > self.agenda.now:
            self.agenda.at(back, lambda: self._put(task))
        else:
            self._put(task)

    def _put(self, task: int) -> None:
        self.broker.put(task)
        self.crew.dispatch()
        if self.queued is not None:
            self.queued()

    def _sample(self) -> None:
        pods = self.deployment.pods
        ready = sum(pod.is_ready for pod in pods)
        broker = self.broker
        self.samples.append(Sample(self.agenda.now, len(broker.waiting), broker.in_flight, len(pods), ready))

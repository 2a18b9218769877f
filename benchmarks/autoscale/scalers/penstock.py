"""Penstock's own policy: the operator's pure functions, fed from the simulated broker and Deployment.

The operator looks once a second; what is queued while there is no worker at all wakes it.
"""

from __future__ import annotations

from collections import deque

from benchmarks.autoscale.scalers.retreat import Retreat
from benchmarks.autoscale.world.broker import Reading
from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.world import World

from penstock.broker.messages import Depth
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.decide import decide
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.signals import Fleet, Signals
from penstock_operator.autoscale.work import work

__all__ = ["Penstock"]

PERIOD_SECONDS = 1.0
NUDGE_SECONDS = 0.05
STARTS = 5  # the last so many starts tell how long one takes


class Penstock:
    """Made for one run. `decisions`: each that differs from the one before, with its moment."""

    def __init__(self, spec: WorkerPoolSpec) -> None:
        self._spec = spec
        self._rates: Rates | None = None
        self._history = History.begin(0, 0.0)
        self._starts: deque[float] = deque(maxlen=STARTS)
        self._started: set[int] = set()
        self._woken = False
        self.decisions: list[tuple[float, Decision]] = []

    def begin(self, world: World) -> None:
        """The loop, and what wakes it."""
        self._world, self._retreat = world, Retreat(world)
        world.agenda.every(PERIOD_SECONDS, world.dice.uniform(0.0, PERIOD_SECONDS), self._look)
        world.queued = self._nudge

    def _nudge(self) -> None:
        agenda = self._world.agenda
        if not self._world.deployment.wanted and not self._woken:
            self._woken = True
            agenda.at(agenda.now + NUDGE_SECONDS, self._look)

    def _look(self) -> None:
        self._woken = False
        now = self._world.agenda.now
        signals = self._signals(now)
        decision = decide(signals, self._spec, self._history, now)
        self._history = self._history.after(decision, signals, now)
        if not self.decisions or _told(self.decisions[-1][1]) != _told(decision):
            self.decisions.append((now, decision))
        self._apply(decision.replicas)

    def _apply(self, replicas: int) -> None:
        self._retreat.aim(replicas)
        if replicas > self._world.deployment.wanted:
            self._world.deployment.scale(replicas)

    def _signals(self, now: float) -> Signals:
        reading = self._world.broker.read(now)
        if reading is None:
            return Signals(None, self._fleet())
        depth = _depth(reading)
        self._rates = Rates(now, depth) if self._rates is None else self._rates.after(depth, now)
        return Signals(work(depth, self._rates), self._fleet())

    def _fleet(self) -> Fleet:
        """As its Deployment and the broker's attendance show it."""
        active = self._world.deployment.active
        for pod in active:
            self._note(pod)
        ready, busy = sum(pod.is_ready for pod in active), sum(bool(pod.running) for pod in active)
        wanted = self._world.deployment.wanted
        if not self._starts:
            return Fleet(wanted, ready, busy)
        return Fleet(wanted, ready, busy, start_seconds=sum(self._starts) / len(self._starts))

    def _note(self, pod: Pod) -> None:
        if pod.is_ready and pod.number not in self._started:
            self._started.add(pod.number)
            self._starts.append(pod.ready - pod.created)


def _depth(reading: Reading) -> Depth:
    """What the broker would say."""
    return Depth(
        ready=reading.waiting,
        in_flight=reading.in_flight,
        oldest=reading.oldest,
        arrived=reading.queued,
        settled=reading.finished,
        ran=reading.served,
    )


def _told(decision: Decision) -> tuple[int, str]:
    return decision.replicas, decision.reason

"""Penstock's own policy: the operator's pure functions, fed from the simulated broker and Deployment.

The operator looks once a second, and more often while workers are leaving; what is queued while there is none wakes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.autoscale.scalers.departures import Departures
from benchmarks.autoscale.world.broker import Reading
from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.world import World

from penstock.broker.messages import Depth
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.decide import decide
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.signals import Fleet, Signals
from penstock_operator.autoscale.watch import INTERVAL_SECONDS, SHORTEST_SECONDS
from penstock_operator.autoscale.work import work
from penstock_operator.pools.controller import STEP_SECONDS
from penstock_operator.pools.pods import Pods

__all__ = ["Penstock"]

POOL = ("default", "shop")


class Penstock:
    """Made for one run. `decisions`: each that differs from the one before, with its moment."""

    def __init__(self, spec: WorkerPoolSpec) -> None:
        self._spec = spec
        self._rates: Rates | None = None
        self._history = History.begin(0, 0.0)
        self._pods = Pods()
        self._seen: dict[int, bool] = {}  # whether each pod was ready
        self._coming: float | None = None  # the next look besides those at intervals
        self.decisions: list[tuple[float, Decision]] = []

    def begin(self, world: World) -> None:
        """The loop, and what wakes it."""
        self._world, self._departures = world, Departures(world)
        world.agenda.every(INTERVAL_SECONDS, world.dice.uniform(0.0, INTERVAL_SECONDS), self._look)
        world.queued = self._nudge

    def _nudge(self) -> None:
        if not self._world.deployment.wanted:
            self._look_in(SHORTEST_SECONDS)

    def _look_in(self, seconds: float) -> None:
        agenda = self._world.agenda
        if self._coming is None:
            self._coming = agenda.now + seconds
            agenda.at(self._coming, self._look_besides)

    def _look_besides(self) -> None:
        self._coming = None
        self._look()

    def _look(self) -> None:
        now = self._world.agenda.now
        signals = self._signals(now)
        decision = decide(signals, self._spec, self._history, now)
        self._history = self._history.after(decision, signals, now)
        if not self.decisions or _told(self.decisions[-1][1]) != _told(decision):
            self.decisions.append((now, decision))
        departing = self._departures.under_way or decision.replicas != self._world.deployment.wanted
        if departing and self._departures.step(decision.replicas):
            self._look_in(STEP_SECONDS)

    def _signals(self, now: float) -> Signals:
        reading = self._world.broker.read(now)
        if reading is None:
            return Signals(None, self._fleet(now))
        depth = _depth(reading)
        self._rates = Rates(now, depth) if self._rates is None else self._rates.after(depth, now)
        return Signals(work(depth, self._rates), self._fleet(now))

    def _fleet(self, now: float) -> Fleet:
        """As its Deployment, its pods and the broker's attendance show it."""
        active = self._world.deployment.active
        self._watch(active)
        ready, busy = sum(pod.is_ready for pod in active), sum(bool(pod.running) for pod in active)
        return Fleet(self._world.deployment.wanted, ready, busy, self._pods.start_seconds(POOL, now))

    def _watch(self, active: Sequence[Pod]) -> None:
        """The operator measures how long starts take, by what the API server says of pods."""
        for pod in active:
            if self._seen.get(pod.number) is not pod.is_ready:
                self._seen[pod.number] = pod.is_ready
                self._pods.seen(_view(pod))
        for number in self._seen.keys() - {pod.number for pod in active}:
            del self._seen[number]
            self._pods.gone(str(number))


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


def _view(pod: Pod) -> PodView:
    """What the API server would say."""
    ready = pod.ready if pod.is_ready else None
    name = str(pod.number)
    return PodView(*POOL[:1], name, name, POOL[1], pod.created, "Running", True, ready, False, {})


def _told(decision: Decision) -> tuple[int, str]:
    return decision.replicas, decision.reason

"""Decides on pools from what was read of their queues: gathers what each decision needs and keeps what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from penstock.broker.messages import Depth
from penstock.resources.autoscaling import Mode
from penstock_operator.api import Key
from penstock_operator.autoscale.decide import decide, recommend
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.departure import Crew
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.fleets import fleet_of
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.roster import holders, roster
from penstock_operator.autoscale.signals import Fleet, Signals
from penstock_operator.autoscale.survey import Reading, Serving, work_of
from penstock_operator.pools.pods import Pods
from penstock_operator.pools.state import PoolState

__all__ = ["Judge"]


class Judge:
    """`readings` are the latest of all queues; `clock` tells seconds since the epoch."""

    def __init__(self, pods: Pods, readings: Mapping[Key, Reading], clock: Callable[[], float]) -> None:
        self._pods = pods
        self._readings = readings
        self._clock = clock

    def judge(self, state: PoolState, rivals: Mapping[str, Collection[PoolState]]) -> bool:
        """Decide on a pool. Whether that has changed what is to be done. `rivals`: all the pools that serve its queues,
        by queue."""
        if state.deployment is None or not self._looked_at(state):
            return False
        now, before = self._clock(), state.decision
        known = {one.key: one for servers in rivals.values() for one in servers}
        serving = {key: self._serving(one) for key, one in known.items()}
        me = serving.get(state.key)
        if me is None:
            return False  # it has just been deleted
        by_queue = {queue: [serving[one.key] for one in servers] for queue, servers in rivals.items()}
        state.signals = Signals(work_of(me, by_queue, self._readings), me.fleet)
        history = state.history or History.begin(state.wanted, now)
        state.decision = decide(state.signals, state.pool.spec, history, now)
        state.would = self._would(state, history, now)
        state.history = history.after(state.would, state.signals, now)
        return before is None or before.replicas != state.decision.replicas or state.decision.replicas != state.wanted

    @staticmethod
    def _would(state: PoolState, history: History, now: float) -> Decision:
        assert state.decision is not None
        auto = state.pool.spec.autoscaling.mode is Mode.AUTO
        return state.decision if auto else recommend(state.signals, state.pool.spec, history, now)

    def _looked_at(self, state: PoolState) -> bool:
        """Whether all its queues were, be it in vain: before, nobody knows whether they can be read."""
        return all((state.key[0], queue) in self._readings for queue in state.queues)

    def crew(self, state: PoolState) -> Crew:
        """Its workers, one by one."""
        deployment = state.deployment or DeploymentView()
        home = self._readings.get(state.home)
        workers = roster(self._pods.of(state.key), home.depth if home else None, holders(self._depths(state)))
        return Crew(workers, deployment.wanted, deployment.replicas)

    def annotations(self, state: PoolState) -> dict[str, dict[str, str]]:
        """Those of its pods that aren't being deleted, by their names."""
        return {pod.name: pod.annotations for pod in self._pods.of(state.key) if pod.alive}

    def busy(self, state: PoolState) -> frozenset[str] | None:
        """The names of those who hold tasks; None while its queues can't be read."""
        return None if state.signals.work is None else frozenset(holders(self._depths(state)))

    def _serving(self, state: PoolState) -> Serving:
        names = frozenset(pod.name for pod in self._pods.of(state.key))
        return Serving(state.key, state.pool.spec, state.queues, self._fleet(state), names)

    def _fleet(self, state: PoolState) -> Fleet:
        pods, held = self._pods.of(state.key), holders(self._depths(state))
        deployment = state.deployment or DeploymentView()
        return fleet_of(deployment, list(pods), held, self._pods.start_seconds(state.key, self._clock()))

    def _depths(self, state: PoolState) -> Iterable[Depth]:
        for queue in state.queues:
            reading = self._readings.get((state.key[0], queue))
            if reading is not None and reading.depth is not None:
                yield reading.depth

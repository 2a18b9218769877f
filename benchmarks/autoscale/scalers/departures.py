"""Penstock's farewells, carried out in a simulated cluster: the steps are `departure.plan`'s, the operator's own.

A worker hears of a cordon, and of its end, a moment later. Who goes when the count is lowered is the ReplicaSet's
choice. While the queues can't be read nobody can be cordoned either, and cordons end by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.world import World

from penstock_operator.autoscale.departure import CORDON_SECONDS, Chosen, Crew, Step, Worker, lowered, plan
from penstock_operator.deletion_cost import CHOSEN_COST, USUAL_COST

__all__ = ["Departures"]

NOTICE_SECONDS = 0.5  # until a worker has heard, at most


class Departures:
    """Those that are on their way out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chosen: Mapping[str, Chosen] = {}
        self._until: dict[str, float] = {}  # when each cordon ends by itself

    @property
    def under_way(self) -> bool:
        """Whether anybody is."""
        return bool(self._chosen)

    def step(self, desired: int) -> bool:
        """The next one towards so many replicas. Whether there is another to come soon."""
        deployment, now = self._world.deployment, self._world.agenda.now
        pods = {_name(pod): pod for pod in deployment.active}
        crew = Crew([_worker(pod, now) for pod in pods.values()], deployment.wanted, len(pods))
        step = plan(crew, self._chosen, desired, now)
        if step.replicas > deployment.wanted:
            deployment.scale(step.replicas)
        if self._take(step, pods, now) and step.replicas < deployment.wanted:
            deployment.scale(step.replicas)
            self._chosen = lowered(self._chosen, step.leaving, now)
        return step.under_way

    def _take(self, step: Step, pods: Mapping[str, Pod], now: float) -> bool:
        """Tell the workers, and Kubernetes. Whether that was possible."""
        if (step.lift or step.cordon) and self._world.broker.read(now) is None:
            return False
        for name in step.lift:
            self._hear(pods[name], until=now)
        for name in step.cordon & pods.keys():
            self._hear(pods[name], until=now + CORDON_SECONDS)
        for name in step.unmark:
            pods[name].cost = USUAL_COST
        for name in step.mark:
            pods[name].cost = CHOSEN_COST
        self._chosen = {name: _noted(one, name in step.cordon, pods[name], now) for name, one in step.chosen.items()}
        return True

    def _hear(self, pod: Pod, until: float) -> None:
        """One that hasn't begun yet asks before it does."""
        agenda = self._world.agenda
        self._until[_name(pod)] = until
        notice = self._world.dice.uniform(0.0, NOTICE_SECONDS) if pod.is_ready else 0.0
        agenda.at(agenda.now + notice, partial(self._heed, pod))
        if until > agenda.now:
            agenda.at(until, partial(self._heed, pod))

    def _heed(self, pod: Pod) -> None:
        pod.resting = self._until[_name(pod)] > self._world.agenda.now
        if not pod.resting:
            self._world.crew.offer(pod)


def _name(pod: Pod) -> str:
    return f"shop-{pod.number}"


def _worker(pod: Pod, now: float) -> Worker:
    """As its pod and its attendance show it."""
    return Worker(
        _name(pod),
        phase="Running" if pod.image <= now else "Pending",
        ready=pod.is_ready,
        cost=pod.cost,
        created=pod.created,
        busy=len(pod.running),
        attends=pod.is_ready,
        resting=pod.is_ready and pod.resting,
    )


def _noted(one: Chosen, cordoned: bool, pod: Pod, now: float) -> Chosen:
    """As `Farewells` keeps it."""
    return Chosen(one.since, now, pod.is_ready, one.marked_at, one.lowered_at) if cordoned else one

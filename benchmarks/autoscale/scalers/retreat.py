"""How Penstock takes workers away: the chosen stop claiming, end what they run, and only then the count is lowered."""

from __future__ import annotations

from functools import partial

from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.world import World

__all__ = ["Retreat"]

NOTICE_SECONDS = 0.5  # until a worker has heard that it was chosen, at most


class Retreat:
    """Those that have been chosen and haven't gone yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._going: list[Pod] = []

    def aim(self, replicas: int) -> None:
        """Choose as many as there are too many; give back those that are wanted again."""
        deployment = self._world.deployment
        surplus = deployment.wanted - replicas - len(self._going)
        if surplus > 0:
            staying = [pod for pod in deployment.active if pod not in self._going]
            for pod in sorted(staying, key=_loss)[:surplus]:
                self._choose(pod)
        for pod in sorted(self._going, key=_loss, reverse=True)[: max(0, -surplus)]:
            self._give_back(pod)

    def _choose(self, pod: Pod) -> None:
        self._going.append(pod)
        agenda = self._world.agenda
        notice = self._world.dice.uniform(0.0, NOTICE_SECONDS) if pod.is_ready else 0.0
        agenda.at(agenda.now + notice, partial(self._heard, pod))

    def _heard(self, pod: Pod) -> None:
        if pod not in self._going:
            return
        pod.retiring = True
        if pod.running:
            pod.emptied = partial(self._go, pod)
        else:
            self._go(pod)

    def _go(self, pod: Pod) -> None:
        self._going.remove(pod)
        self._world.deployment.remove([pod])

    def _give_back(self, pod: Pod) -> None:
        self._going.remove(pod)
        pod.retiring = False
        pod.emptied = None
        self._world.crew.offer(pod)


def _loss(pod: Pod) -> tuple[bool, int, float]:
    """Those first that haven't begun, then idle ones, then the least busy; the newest of those."""
    return (pod.is_ready, len(pod.running), -pod.created)

"""A Deployment with its one ReplicaSet: makes pods and removes them until there are as many as are wanted."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from random import Random

from benchmarks.autoscale.world.agenda import Agenda
from benchmarks.autoscale.world.crew import Crew
from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.ranking import ranked
from benchmarks.autoscale.world.startup import Images, Startup

__all__ = ["Deployment"]

EXIT_SECONDS = 0.3  # from a worker's last task to its container's end


class Deployment:
    """`changes`: each count that was wanted, with its moment. `sigterms`: how many pods got one while they held
    tasks."""

    def __init__(self, agenda: Agenda, crew: Crew, places: int, drain: float, startup: Startup, dice: Random) -> None:
        self._agenda, self._crew, self._dice = agenda, crew, dice
        self._places, self._drain, self._startup = places, drain, startup
        self._images = Images(startup, dice)
        self.wanted = 0
        self.pods: list[Pod] = []
        self.past: list[Pod] = []
        self.changes: list[tuple[float, int]] = [(0.0, 0)]
        self.sigterms = 0

    @property
    def active(self) -> list[Pod]:
        """What the ReplicaSet counts: all but those that are being terminated."""
        return [pod for pod in self.pods if pod.is_active]

    def scale(self, replicas: int) -> None:
        """So many from now on; Kubernetes chooses who goes."""
        self._want(replicas)
        active = self.active
        for _ in range(replicas - len(active)):
            self._create()
        if len(active) > replicas:
            for pod in ranked(active, self._agenda.now, self._dice)[: len(active) - replicas]:
                self._terminate(pod)

    def _want(self, replicas: int) -> None:
        if replicas != self.wanted:
            self.wanted = replicas
            self.changes.append((self._agenda.now, replicas))

    def _create(self) -> None:
        now, node = self._agenda.now, self._emptiest()
        number = len(self.pods) + len(self.past)
        pod = Pod(number, node, self._places, now, self._images.there(node, now))
        self.pods.append(pod)
        self._agenda.at(pod.image + self._startup.seconds(self._dice), partial(self._ready, pod))

    def _emptiest(self) -> int:
        """The scheduler spreads pods over nodes."""
        load = Counter(pod.node for pod in self.pods)
        return min(range(self._startup.nodes), key=lambda node: (load[node], node))

    def _ready(self, pod: Pod) -> None:
        if pod.is_active:
            pod.ready = self._agenda.now
            self._crew.offer(pod)

    def _terminate(self, pod: Pod) -> None:
        """SIGTERM: it claims no more, and has `drainSeconds` for what it runs."""
        now = self._agenda.now
        pod.terminating = now
        if not pod.running:
            self._exit(pod)
            return
        self.sigterms += 1
        pod.emptied = partial(self._exit, pod)
        self._agenda.at(now + self._drain, partial(self._give_up, pod))

    def _give_up(self, pod: Pod) -> None:
        if pod.running:
            self._crew.release(pod)
            self._exit(pod)

    def _exit(self, pod: Pod) -> None:
        pod.gone = self._agenda.now + (EXIT_SECONDS if pod.is_ready else 0.0)
        self.pods.remove(pod)
        self.past.append(pod)

    def pod_seconds(self, end: float) -> float:
        """From each pod's creation to its end, or to that of the run."""
        return math.fsum(min(pod.gone, end) - pod.created for pod in (*self.past, *self.pods))

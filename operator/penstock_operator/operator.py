"""The operator as a whole: its parts, what connects them, their start and their end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import TypeVar

from penstock.errors import PenstockError
from penstock.kube import Kube, Resource
from penstock.stopping import stopped
from penstock_operator.admission.view import TaskView
from penstock_operator.api import PODS, TASK_BATCHES, TASKS, Key
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.watch import Watch
from penstock_operator.batches.controller import Batches
from penstock_operator.batches.view import BatchBody
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.informer import Informer, Item, Source
from penstock_operator.leader import Leader
from penstock_operator.leader_label import LeaderLabel
from penstock_operator.manifests import POOL_LABEL
from penstock_operator.namespaces import Namespaces
from penstock_operator.pools.controller import Edges, Pools
from penstock_operator.pools.statuses import PoolStatuses
from penstock_operator.queues import Queues
from penstock_operator.settings import Settings
from penstock_operator.surface.figures import Figures
from penstock_operator.surface.server import Surface
from penstock_operator.sweep import Known, Sweep
from penstock_operator.tasks import Tasks

__all__ = ["Operator"]

log = logging.getLogger("penstock.operator")
T = TypeVar("T", bound=Item)
Part = Queues | Pools | PoolStatuses | Tasks | Batches
AnyInformer = Informer[TaskView] | Informer[BatchBody] | Informer[PodView]
PULSE_SECONDS = 1.0
AGAIN_SECONDS = 1.0


class Operator:
    """One process. `start` and `stop` belong to kopf's own. All of them watch, so that each could lead at once; only
    the leader acts."""

    def __init__(self, kube: Kube, election: Kube, settings: Settings) -> None:
        """`election`: a connection for the Lease, and for what tells that it is held."""
        self._kube, self._election = kube, election
        election.clock = kube.clock  # its steady renewals tell what time it is, too
        self._settings = settings
        lease = (settings.system_namespace, settings.lease)
        self.leader = Leader(election, lease, f"{settings.pod or uuid.uuid4().hex}_{uuid.uuid4().hex[:8]}")
        self._label = LeaderLabel(election, (settings.system_namespace, settings.pod), settings.lease)
        kube.guard = self.leader.check
        clock = kube.clock  # that of creationTimestamps, from which delays and deadlines count
        self._brokers = Brokers(settings.broker_url, settings.lease, clock)
        self._events = events = Events(kube, socket.gethostname())
        namespaces = Namespaces(kube, settings)
        self.queues = Queues(
            kube, self._brokers, namespaces, self._rules_changed, required=settings.require_queues, clock=clock
        )
        self._watch = Watch(self._brokers, self._horizons, self._asleep, self._looked)
        edges = Edges(kube, self._brokers, namespaces, events, settings)
        self.pools = Pools(edges, self._watch.readings, self._watch.nudge, clock)
        self.tasks = Tasks(kube, self._brokers, events, self.queues.rules, clock)
        self.batches = Batches(kube, self._brokers, events, self.queues.rules, clock)
        known = Known(self.tasks, self._knows, self._used)
        self._sweep = Sweep(kube, self._brokers, known, settings.compare_seconds, clock)
        self._informers = [
            informer for namespace in settings.watch_namespaces or (None,) for informer in self._informers_of(namespace)
        ]
        self._loops: list[asyncio.Task[None]] = []
        self.last_pulse = 0.0
        self.ready = False

    def _informers_of(self, namespace: str | None) -> Iterator[AnyInformer]:
        kube, share = self._kube, self._settings.task_selector
        yield Informer(kube, _source(TASKS, TaskView.parse, namespace, share), self.tasks)
        yield Informer(kube, _source(TASK_BATCHES, BatchBody.parse, namespace, share), self.batches)
        if not self._settings.only_tasks:
            yield Informer(kube, _source(PODS, PodView.parse, namespace, POOL_LABEL), self.pools.pods)

    # --- what the watches say ---------------------------------------------------------------------------------------

    def _rules_changed(self, namespace: str) -> None:
        self.tasks.rules_changed(namespace)

    def _horizons(self) -> dict[Key, float]:
        return dict.fromkeys(self.queues.keys(), 0.0) | self.pools.horizons()

    def _asleep(self, queue: Key) -> bool:
        return self.pools.asleep(queue)

    def _looked(self, queues: Collection[Key]) -> None:
        self.pools.looked(queues)
        self.queues.depths({key: self._watch.readings[key].depth for key in queues})
        if len(queues) == len(self._watch.readings):  # not with each that wakes
            self.queues.used(self._used())

    def _used(self) -> set[Key]:
        return self.pools.queues() | self.queues.keys() | self.tasks.queues() | self.batches.queues()

    def _knows(self, uid: str) -> bool:
        return self.tasks.knows(uid) or self.batches.knows(uid)

    # --- what others may see ----------------------------------------------------------------------------------------

    def figures(self) -> Figures:
        """For exporters; of pools and queues only while it leads."""
        dropped = self._events.dropped
        if not self.leader.valid:
            return Figures(events_dropped=dropped)
        views, decided = self.pools.views, self.pools.chronicle.timelines.decided()
        return Figures(True, tuple(views.views()), views.looked_at(), tuple(decided), dropped)

    def surface(self) -> Surface:
        """What explains the pools over HTTP."""
        timelines, port = self.pools.chronicle.timelines, self._settings.api_port
        return Surface(self.pools.views, timelines, lambda: self.leader.valid, port)

    # --- its life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to watch, and to stand for election."""
        await self._label.take_off()  # a process that was killed in this pod may have led
        self._loops = [
            *(asyncio.create_task(informer.run(), name="penstock informer") for informer in self._informers),
            asyncio.create_task(self._pulse(), name="penstock pulse"),
            asyncio.create_task(self._become_ready(), name="penstock readiness"),
            asyncio.create_task(self.leader.run(self._lead), name="penstock leader"),
        ]

    async def stop(self) -> None:
        """End: what was under way is done again by the next leader, which compares."""
        self.ready = False
        for loop in reversed(self._loops):  # the leader first: its successor waits for that
            await stopped(loop)
        await self._brokers.close()
        await self._kube.close()
        await self._election.close()

    async def _become_ready(self) -> None:
        """It could lead at once from the moment that it has seen all there is."""
        await self._seen_all()
        self.ready = True
        await asyncio.Event().wait()

    async def _seen_all(self) -> None:
        await asyncio.gather(*(informer.synced.wait() for informer in self._informers))

    async def _lead(self, epoch: int) -> None:
        """1. know all there is, 2. let nobody else act any more, 3. look at everything, 4. go on until cancelled."""
        parts: list[Part] = [self.tasks, self.batches]
        if not self._settings.only_tasks:
            parts = [self.queues, self.pools, self.pools.statuses, *parts]
        await self._load_queues()
        await self._seen_all()
        await self._brokers.lead(epoch, self._used())
        label = asyncio.create_task(self._label.worn(), name="penstock leader's label")
        try:
            for part in parts:
                part.resume()
                part.queue.start()
            await asyncio.gather(self._watch.run(), self._sweep.run(), self.pools.chronicle.run())
        finally:
            await stopped(label)
            for part in parts:
                await part.queue.stop()

    async def _load_queues(self) -> None:
        """Their rules decide about Tasks; kopf's watch doesn't say when it has told all."""
        while True:
            with suppress(PenstockError):
                for namespace in self._settings.watch_namespaces or (None,):
                    await self.queues.load(namespace)
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def _pulse(self) -> None:
        while True:
            self.last_pulse = time.monotonic()
            await asyncio.sleep(PULSE_SECONDS)

    def stuck(self) -> bool:
        """Whether a loop has died, or leading fails again and again, which nothing should be able to cause."""
        return self.leader.failing or any(loop.done() for loop in self._loops)


def _source(of: Resource, parse: Callable[[bytes], T], namespace: str | None, labels: str) -> Source[T]:
    return Source(of.path(namespace), parse, namespace, {"labelSelector": labels} if labels else {})

"""The operator as a whole: its parts, what connects them, their start and their end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from penstock.kube import Kube, Resource
from penstock.resources.pool import WorkerPool
from penstock.resources.queue import TaskQueue
from penstock.stopping import stopped
from penstock_operator.admission.view import TaskView
from penstock_operator.api import (
    DEPLOYMENTS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    TASK_BATCHES,
    TASK_QUEUES,
    TASKS,
    WORKER_POOLS,
    Key,
)
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.watch import Watch
from penstock_operator.batches.controller import Batches
from penstock_operator.batches.view import BatchBody
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.leader import Leader
from penstock_operator.leader_label import LeaderLabel
from penstock_operator.manifests import POOL_LABEL
from penstock_operator.namespaces import GIVEN, Namespaces
from penstock_operator.outlooks import Outlooks
from penstock_operator.pools.controller import Edges, Pools
from penstock_operator.pools.statuses import PoolStatuses
from penstock_operator.pools.workloads import Workload
from penstock_operator.queues import Queues
from penstock_operator.settings import Settings
from penstock_operator.surface.figures import Figures
from penstock_operator.surface.server import Surface
from penstock_operator.sweep import Known, Sweep
from penstock_operator.tasks import Tasks
from penstock_operator.watching import stored
from penstock_operator.watching.informer import Informer
from penstock_operator.watching.made import Made
from penstock_operator.watching.source import Kind, Listener, Source, T

__all__ = ["Operator"]

log = logging.getLogger("penstock.operator")
Part = Queues | Pools | PoolStatuses | Tasks | Batches
PULSE_SECONDS = 1.0


class Misreads(Protocol):
    """Who keeps objects of a kind."""

    def misread(self) -> Iterable[str]:
        """The namespaces of those that aren't understood, one for each."""
        ...


class Follower(Protocol):
    """An informer of whatever kind."""

    @property
    def synced(self) -> asyncio.Event:
        """Set once it has told all that there is."""
        ...

    async def run(self) -> None:
        """For ever."""


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
        self.namespaces = namespaces = Namespaces(kube, settings, self._unprepared)
        self.queues = Queues(
            kube, self._brokers, namespaces, self._rules_changed, required=settings.require_queues, clock=clock
        )
        self._watch = Watch(self._brokers, self._horizons, self._asleep, self._looked)
        edges = Edges(kube, self._brokers, namespaces, events, settings)
        self.pools = Pools(edges, self._watch.readings, self._watch.nudge, clock, self._outlook_changed)
        self._outlooks = Outlooks(self.queues, self.pools, blind=settings.only_tasks)
        self.tasks = Tasks(kube, self._brokers, events, self.queues.rules, clock, self._outlooks.of)
        self.batches = Batches(kube, self._brokers, events, self.queues.rules, clock)
        self._kinds: tuple[tuple[Resource, Misreads], ...] = (
            (TASKS, self.tasks),
            (TASK_BATCHES, self.batches),
            (TASK_QUEUES, self.queues),
            (WORKER_POOLS, self.pools.statuses),
        )
        known = Known(self.tasks, self._knows, self._used)
        self._sweep = Sweep(kube, self._brokers, known, settings.compare_seconds, clock)
        self._informers = [
            informer for namespace in settings.watch_namespaces or (None,) for informer in self._informers_of(namespace)
        ]
        self._loops: list[asyncio.Task[None]] = []
        self.last_pulse = 0.0
        self.ready = False

    def _informers_of(self, namespace: str | None) -> Iterator[Follower]:
        share, pools, pods = self._settings.task_selector, self.pools, self.pools.pods
        yield self._informer(TASKS, TaskView, self.tasks, namespace, share)
        yield self._informer(TASK_BATCHES, BatchBody, self.batches, namespace, share)
        yield self._informer(TASK_QUEUES, stored.Kind(TaskQueue), self.queues, namespace)
        if not self._settings.only_tasks:
            yield self._informer(WORKER_POOLS, stored.Kind(WorkerPool), pools, namespace)
            yield self._informer(DEPLOYMENTS, Workload, pools.workloads, namespace, POOL_LABEL)
            yield self._informer(PODS, PodView, pods, namespace, POOL_LABEL)
            yield self._informer(POD_DISRUPTION_BUDGETS, Made, pools.budgets, namespace, POOL_LABEL)
            for place, makings in self.namespaces.makings.items():
                yield self._informer(place, Made, makings, namespace, name=GIVEN[place])

    def _informer(
        self,
        of: Resource,
        kind: Kind[T],
        listener: Listener[T],
        namespace: str | None,
        labels: str = "",
        *,
        name: str = "",
    ) -> Informer[T]:
        """`name`: of them, only those called so, for which rights can be given one by one."""
        selectors = {"labelSelector": labels} if labels else {}
        selectors |= {"fieldSelector": f"metadata.name={name}"} if name else {}
        return Informer(self._kube, Source(of.path(namespace), kind, namespace, selectors), listener)

    # --- what the watches say ---------------------------------------------------------------------------------------

    def _rules_changed(self, namespace: str) -> None:
        self._outlooks.changed(namespace)
        self.tasks.rules_changed(namespace)

    def _outlook_changed(self, namespace: str, queues: Collection[str]) -> None:
        self._outlooks.changed(namespace)
        self.tasks.outlook_changed(namespace, queues)

    def _unprepared(self, namespace: str) -> None:
        self.queues.unprepared(namespace)
        self.pools.unprepared(namespace)

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
        invalid = {
            (kind.plural, namespace): count
            for kind, part in self._kinds
            for namespace, count in Counter(part.misread()).items()
        }
        views, decided = self.pools.views, self.pools.chronicle.timelines.decided()
        return Figures(True, tuple(views.views()), views.looked_at(), tuple(decided), dropped, invalid)

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
        await self._seen_all()
        await self._brokers.lead(epoch, self._used())
        try:
            self.namespaces.resume()
            for part in parts:
                part.queue.start()
                part.resume()
            async with asyncio.TaskGroup() as term:  # no loop goes on into the next one
                term.create_task(self._label.worn(), name="penstock leader's label")
                for loop in (self._watch, self._sweep, self.pools.chronicle):
                    term.create_task(loop.run(), name=f"penstock {type(loop).__name__.lower()}")
        except ExceptionGroup as failed:  # of one loop, which has ended the others
            raise failed.exceptions[0] from None
        finally:
            for part in parts:
                await part.queue.stop()

    async def _pulse(self) -> None:
        while True:
            self.last_pulse = time.monotonic()
            await asyncio.sleep(PULSE_SECONDS)

    def stuck(self) -> bool:
        """Whether a loop has died, or leading fails again and again, which nothing should be able to cause."""
        return self.leader.failing or any(loop.done() for loop in self._loops)

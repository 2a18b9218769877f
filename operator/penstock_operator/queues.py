"""TaskQueues: publishes their settings to the broker, where workers and submitters read them, and shows what they
hold. A queue without a resource has the settings of its namespace's TaskQueue `default`; without that, the defaults."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping

from penstock.broker.messages import Depth
from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest
from penstock.resources.queue import TaskQueue, TaskQueueSpec
from penstock.workqueue import WorkQueue
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.api import TASK_QUEUES, Key
from penstock_operator.brokers import Brokers
from penstock_operator.conditions import Row, complaint, conditions, unsupported
from penstock_operator.namespaces import Namespaces
from penstock_operator.queue_config import config_of
from penstock_operator.watching.names import Names
from penstock_operator.watching.stored import Stored

__all__ = ["DEFAULT", "Queues"]

STATUS_SECONDS = 5.0
NOT_FOUND = 404
DEFAULT = "default"
ANYTHING = QueueRules()


class Queues:
    """All TaskQueues. `changed(namespace)` hears when its rules of admission have."""

    def __init__(
        self,
        kube: Kube,
        brokers: Brokers,
        namespaces: Namespaces,
        changed: Callable[[str], None] = lambda _: None,
        *,
        required: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`required`: Tasks for a queue that has no TaskQueue, nor its namespace a default one, are held."""
        self._kube = kube
        self._brokers = brokers
        self._namespaces = namespaces
        self._changed = changed
        self._required = required
        self._clock = clock
        self._names = Names()
        self._resources: dict[Key, TaskQueue] = {}
        self._misread: dict[Key, Stored[TaskQueue]] = {}
        self._published: dict[Key, TaskQueueSpec | None] = {}
        self._depths: dict[Key, Depth] = {}
        self._written: dict[Key, Manifest] = {}
        self.queue: WorkQueue[Key] = WorkQueue("queues", self._reconcile, workers=2)

    # --- what the watch says ----------------------------------------------------------------------------------------

    def seen(self, body: Stored[TaskQueue]) -> None:
        """A TaskQueue was added or changed. One that isn't understood changes nothing of the settings."""
        body = _nameable(body)
        key, resource = body.key, body.resource
        self._names.put(body.uid, key)
        if resource is None:
            self._misread[key] = body
        else:
            self._misread.pop(key, None)
            before = self._resources.get(key)
            self._resources[key] = resource
            if before is None or before.spec != resource.spec:
                self._concerned(key)
        self.queue.add(key)

    def gone(self, uid: str) -> None:
        """A TaskQueue was deleted: the queue goes back to the namespace's settings, or to the defaults."""
        if (key := self._names.pop(uid)) is None:
            return
        for kept in (self._misread, self._depths):
            kept.pop(key, None)
        if self._resources.pop(key, None) is not None:
            self._concerned(key)
        self.queue.add(key)

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all that are kept."""
        return self._names.uids(namespace)

    def _concerned(self, key: Key) -> None:
        """Its Tasks, and where it is the namespace's default, all queues that have no settings of their own."""
        namespace, name = key
        if name == DEFAULT:
            for other in [other for other in self._published if other[0] == namespace]:
                self.queue.add(other)
        self._changed(namespace)

    def unprepared(self, namespace: str) -> None:
        """Somebody has taken from it what its workers need."""
        for key in self._resources:
            if key[0] == namespace:
                self.queue.add(key)

    def used(self, queues: Iterable[Key]) -> None:
        """Queues that somebody uses: those that have no resource may have a default's settings."""
        wanted = set(queues)
        for key in self._published.keys() - wanted - self._resources.keys():
            if self._published[key] is None:  # nobody's any more, and nothing has to be taken back
                del self._published[key]
        for key in wanted:
            if key not in self._published and (key[0], DEFAULT) in self._resources:
                self.queue.add(key)

    # --- what others ask --------------------------------------------------------------------------------------------

    def rules(self, namespace: str, queue: str) -> QueueRules:
        """Who may come to a queue."""
        spec = self._spec((namespace, queue))
        if spec is not None:
            return QueueRules(spec.ttl_seconds_after_finished, spec.allowed_tasks)
        if not self._required:
            return ANYTHING
        known = sorted(name for space, name in self._resources if space == namespace)
        return QueueRules(exists=False, known=tuple(known))

    def _spec(self, key: Key) -> TaskQueueSpec | None:
        """Its own settings, or its namespace's."""
        resource = self._resources.get(key) or self._resources.get((key[0], DEFAULT))
        return resource.spec if resource else None

    def paused(self, namespace: str, queue: str) -> bool:
        """Whether its settings say so."""
        spec = self._spec((namespace, queue))
        return spec is not None and spec.paused

    def keys(self) -> set[Key]:
        """(namespace, queue) of all that have a resource."""
        return set(self._resources)

    def misread(self) -> Iterable[str]:
        """The namespaces of those that aren't understood, one for each."""
        return (namespace for namespace, _ in self._misread)

    def depths(self, depths: Mapping[Key, Depth | None]) -> None:
        """The queues were looked at; their statuses follow in their own time."""
        for key in self._resources:
            depth = depths.get(key)
            if depth is not None and depth != self._depths.get(key):
                self._depths[key] = depth
                self.queue.add_after(key, STATUS_SECONDS)

    def resume(self) -> None:
        """Publish all again: somebody else may have published something else meanwhile."""
        known = {*self._resources, *self._misread, *self._published}
        self._published.clear()
        for key in known:
            self.queue.add(key)

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> None:
        if (misread := self._misread.get(key)) is not None:
            old = misread.status
            await self._say(key, complaint(misread.problem, misread.generation, old=old, now=self._clock()), old)
            return
        spec = self._spec(key)
        if key not in self._published or self._published[key] != spec:
            await self._publish(key, spec)
            self._published[key] = spec
        resource = self._resources.get(key)
        if resource is None:
            self._written.pop(key, None)
            return
        await self._namespaces.ensure(key[0])
        old = self._written.get(key) or resource.status.manifest()
        await self._say(key, _status(resource, self._depths.get(key), old=old, now=self._clock()), old)

    async def _publish(self, key: Key, spec: TaskQueueSpec | None) -> None:
        broker = self._brokers.of(key[0])
        await broker.configure(key[1], config_of(spec) if spec else None)
        await broker.pause(key[1], spec.paused if spec else False)

    async def _say(self, key: Key, status: Manifest, old: Manifest) -> None:
        if status == old:
            return
        try:
            await self._kube.replace_status(TASK_QUEUES, *key, status)
        except ApiRefused as error:
            if error.status != NOT_FOUND:
                raise
        self._written[key] = status


def _nameable(body: Stored[TaskQueue]) -> Stored[TaskQueue]:
    """Names of objects may have dots; those of queues may not, as a task's id begins with one."""
    if "." not in body.key[1]:
        return body
    return Stored(body.manifest, None, "metadata.name: a queue's name has no dots, so no task can name this: rename it")


def _status(resource: TaskQueue, depth: Depth | None, *, old: Manifest, now: float) -> Manifest:
    """Before the first look it says nothing of the depth: unknown is not zero."""
    generation = resource.metadata.generation or 1
    rows: list[Row] = [("Ready", True, "Published", ""), unsupported(())]
    status = {"observedGeneration": generation, "conditions": conditions(rows, generation, old=old, now=now)}
    if depth is None:
        return status
    return status | {
        "depth": depth.ready + depth.due,
        "delayed": depth.delayed,
        "parked": depth.parked,
        "inFlight": depth.in_flight,
        "deadLettered": depth.dead,
        "oldestSeconds": round(depth.oldest, 1),
    }

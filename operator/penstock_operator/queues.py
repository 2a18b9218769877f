"""TaskQueues: publishes their settings to the broker, where workers and submitters read them, and shows what they
hold. A queue without a resource has the settings of its namespace's TaskQueue `default`; without that, the defaults."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from pydantic import ValidationError

from penstock.broker.messages import Depth
from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest
from penstock.resources.queue import TaskQueue, TaskQueueSpec
from penstock.workqueue import WorkQueue
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.api import TASK_QUEUES, Key
from penstock_operator.brokers import Brokers
from penstock_operator.conditions import Row, conditions, unsupported
from penstock_operator.namespaces import Namespaces
from penstock_operator.queue_config import config_of

__all__ = ["DEFAULT", "Queues"]

log = logging.getLogger("penstock.operator")
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
        self._resources: dict[Key, TaskQueue] = {}
        self._rules: dict[Key, QueueRules] = {}
        self._published: dict[Key, TaskQueueSpec | None] = {}
        self._depths: dict[Key, Depth] = {}
        self._written: dict[Key, Manifest] = {}
        self.queue: WorkQueue[Key] = WorkQueue("queues", self._reconcile, workers=2)

    # --- what the watch says ----------------------------------------------------------------------------------------

    async def load(self, namespace: str | None) -> None:
        """All there are, in a namespace or everywhere, before the first Task is decided on."""
        async for body in self._kube.list(TASK_QUEUES, namespace):
            self.seen(body)

    def seen(self, body: Manifest) -> None:
        """A TaskQueue was added or changed."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            resource = TaskQueue.stored(body)
        except ValidationError as error:
            log.error("TaskQueue %s/%s isn't understood and stays as it is: %s", *key, error)
            return
        before = self._resources.get(key)
        self._resources[key] = resource
        if before is None or before.spec != resource.spec:
            self._concerned(key)
        self.queue.add(key)

    def gone(self, body: Manifest) -> None:
        """A TaskQueue was deleted: the queue goes back to the namespace's settings, or to the defaults."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        if self._resources.pop(key, None) is not None:
            self._concerned(key)
        self.queue.add(key)

    def _concerned(self, key: Key) -> None:
        """Its Tasks, and where it is the namespace's default, all queues that have no settings of their own."""
        namespace, name = key
        for one in [one for one in self._rules if one[0] == namespace]:
            del self._rules[one]
        if name == DEFAULT:
            for other in [other for other in self._published if other[0] == namespace]:
                self.queue.add(other)
        self._changed(namespace)

    def used(self, queues: Iterable[Key]) -> None:
        """Queues that somebody uses: those that have no resource may have a default's settings."""
        for key in queues:
            if key not in self._published and (key[0], DEFAULT) in self._resources:
                self.queue.add(key)

    # --- what others ask --------------------------------------------------------------------------------------------

    def rules(self, namespace: str, queue: str) -> QueueRules:
        """Who may come to a queue."""
        key = (namespace, queue)
        if key not in self._rules:
            self._rules[key] = self._ruled(key)
        return self._rules[key]

    def _ruled(self, key: Key) -> QueueRules:
        spec = self._spec(key)
        if spec is not None:
            return QueueRules(spec.ttl_seconds_after_finished, spec.allowed_tasks)
        if not self._required:
            return ANYTHING
        return QueueRules(exists=False, known=tuple(sorted(name for space, name in self._resources if space == key[0])))

    def _spec(self, key: Key) -> TaskQueueSpec | None:
        """Its own settings, or its namespace's."""
        resource = self._resources.get(key) or self._resources.get((key[0], DEFAULT))
        return resource.spec if resource else None

    def keys(self) -> set[Key]:
        """(namespace, queue) of all that have a resource."""
        return set(self._resources)

    def depths(self, depths: Mapping[Key, Depth | None]) -> None:
        """The queues were looked at; their statuses follow in their own time."""
        for key in self._resources:
            depth = depths.get(key)
            if depth is not None and depth != self._depths.get(key):
                self._depths[key] = depth
                self.queue.add_after(key, STATUS_SECONDS)

    def resume(self) -> None:
        """Publish all again: somebody else may have published something else meanwhile."""
        known = {*self._resources, *self._published}
        self._published.clear()
        for key in known:
            self.queue.add(key)

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> None:
        spec = self._spec(key)
        if key not in self._published or self._published[key] != spec:
            await self._publish(key, spec)
            self._published[key] = spec
        resource = self._resources.get(key)
        if resource is None:
            self._written.pop(key, None)
            return
        await self._namespaces.ensure(key[0])
        await self._write_status(key, resource)

    async def _publish(self, key: Key, spec: TaskQueueSpec | None) -> None:
        broker = self._brokers.of(key[0])
        await broker.configure(key[1], config_of(spec) if spec else None)
        await broker.pause(key[1], spec.paused if spec else False)

    async def _write_status(self, key: Key, resource: TaskQueue) -> None:
        old = self._written.get(key) or resource.status.manifest()
        status = _status(resource, self._depths.get(key), old=old, now=self._clock())
        if status == old:
            return
        try:
            await self._kube.replace_status(TASK_QUEUES, *key, status)
        except ApiRefused as error:
            if error.status != NOT_FOUND:
                raise
        self._written[key] = status


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

"""TaskQueues: publishes their settings to the broker, where workers and submitters read them, and shows what they
hold. A queue without a resource works with the defaults."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from penstock.broker.messages import Depth, Limits, QueueConfig
from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest
from penstock.resources.queue import Overflow, TaskQueue, TaskQueueSpec
from penstock.workqueue import WorkQueue
from penstock_operator.admission.admit import retry_policy
from penstock_operator.api import TASK_QUEUES, Key
from penstock_operator.brokers import Brokers
from penstock_operator.conditions import Row, conditions, unsupported
from penstock_operator.namespaces import Namespaces

__all__ = ["Queues", "config_of"]

log = logging.getLogger("penstock.operator")
STATUS_SECONDS = 5.0
NOT_FOUND = 404
# Fields of the contract that this version stores and doesn't act on yet; the resource says so.
NOT_ENFORCED = ("allowed_tasks",)


class Queues:
    """All TaskQueues."""

    def __init__(
        self, kube: Kube, brokers: Brokers, namespaces: Namespaces, clock: Callable[[], float] = time.time
    ) -> None:
        self._kube = kube
        self._brokers = brokers
        self._namespaces = namespaces
        self._clock = clock
        self._resources: dict[Key, TaskQueue] = {}
        self._published: dict[Key, TaskQueueSpec | None] = {}
        self._depths: dict[Key, Depth] = {}
        self._written: dict[Key, Manifest] = {}
        self.queue: WorkQueue[Key] = WorkQueue("queues", self._reconcile, workers=2)

    def seen(self, body: Manifest) -> None:
        """A TaskQueue was added or changed."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            self._resources[key] = TaskQueue.stored(body)
        except ValidationError as error:
            log.error("TaskQueue %s/%s isn't understood and stays as it is: %s", *key, error)
            return
        self.queue.add(key)

    def gone(self, body: Manifest) -> None:
        """A TaskQueue was deleted: the queue goes back to the defaults."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        self._resources.pop(key, None)
        self.queue.add(key)

    def default_ttl(self, namespace: str, queue: str) -> int | None:
        """How long the queue's finished Tasks stay, if it says."""
        resource = self._resources.get((namespace, queue))
        return resource.spec.ttl_seconds_after_finished if resource else None

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

    async def _reconcile(self, key: Key) -> None:
        namespace, name = key
        resource = self._resources.get(key)
        spec = resource.spec if resource else None
        if self._published.get(key) != spec:
            config = config_of(spec) if spec else None
            await self._publish(namespace, name, config, spec.paused if spec else False)
            self._published[key] = spec
        if resource is None:
            self._written.pop(key, None)
            return
        await self._namespaces.ensure(namespace)
        await self._write_status(key, resource)

    async def _publish(self, namespace: str, name: str, config: QueueConfig | None, paused: bool) -> None:
        broker = self._brokers.of(namespace)
        await broker.configure(name, config)
        await broker.pause(name, paused)

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


def config_of(spec: TaskQueueSpec) -> QueueConfig:
    """A TaskQueue's settings as workers and submitters obey them."""
    return QueueConfig(
        retry=retry_policy(spec.retry),
        timeout=spec.timeout_seconds,
        result_ttl=spec.result_ttl_seconds,
        limits=_limits(spec),
        wait_for_room=spec.overflow is Overflow.WAIT,
        max_crashes=spec.max_crashes,
        dead_letters=spec.dead_letter.max_length,
        dead_seconds=spec.dead_letter.retention_seconds,
    )


def _limits(spec: TaskQueueSpec) -> Limits:
    rate, concurrency = spec.rate_limit, spec.concurrency
    return Limits(
        rate=rate.tasks if rate else None,
        period=rate.period_seconds if rate else 1.0,
        burst=(rate.burst if rate else None) or 1,
        rate_per_key=rate.per_key if rate else False,
        concurrency=concurrency.max if concurrency else None,
        concurrency_per_key=concurrency.per_key if concurrency else None,
        depth=spec.max_depth,
    )


def _status(resource: TaskQueue, depth: Depth | None, *, old: Manifest, now: float) -> Manifest:
    """Before the first look it says nothing of the depth: unknown is not zero."""
    waiting = [field for field in NOT_ENFORCED if getattr(resource.spec, field)]
    generation = resource.metadata.generation or 1
    rows: list[Row] = [("Ready", True, "Published", ""), unsupported(waiting)]
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

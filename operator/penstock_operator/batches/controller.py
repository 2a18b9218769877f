"""TaskBatches: sees each to its end. Level-triggered: every look tells the broker the terms, compares the items with
the spec, does what is missing, and writes the counts if they have changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from penstock import codec
from penstock.batch_terms import batch_terms
from penstock.broker import Broker
from penstock.broker.batch import NOT_SENT, QUEUED, BatchItems, Hold
from penstock.envelope import Envelope
from penstock.errors import ApiRefused
from penstock.indexes import marked
from penstock.keys import item_id
from penstock.kube import Kube, Manifest
from penstock.outcome import Failure, Outcome
from penstock.report import guarded
from penstock.resources.phase import BatchPhase
from penstock.retry import RetryPolicy
from penstock.status import Phase
from penstock.workqueue import WorkQueue
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.api import TASK_BATCHES, Key
from penstock_operator.batches.policy import LOST, Judgement, counted, ending, hold_of, judge, lost, refusal
from penstock_operator.batches.status import batch_status
from penstock_operator.batches.view import BatchBody, BatchView
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events, Subject
from penstock_operator.watching.source import problem_of

__all__ = ["Batches"]

log = logging.getLogger("penstock.operator")
WORKERS = 8
CHUNK = 500  # items a call
LOOK_SECONDS = 1.0  # between two looks at an unfinished batch, and between two writes of its status
NOT_FOUND, INVALID = 404, 422
DELETED = Judgement(BatchPhase.CANCELLED, "Deleted", "its TaskBatch was deleted")


class Batches:
    """All TaskBatches that aren't deleted."""

    def __init__(
        self,
        kube: Kube,
        brokers: Brokers,
        events: Events,
        rules: Callable[[str, str], QueueRules],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._brokers = brokers
        self._events = events
        self._rules = rules
        self._clock = clock
        self._views: dict[Key, BatchView] = {}
        self._keys: dict[str, Key] = {}  # by uid
        self._orphans: dict[Key, BatchView] = {}  # deleted, and still known to the broker
        self._recalled: dict[Key, int] = {}  # generation in which a suspended one's items were taken off their queue
        self._wrote: dict[Key, float] = {}
        self.queue: WorkQueue[Key] = WorkQueue("batches", self._reconcile, workers=WORKERS)

    # --- what the watch says --------------------------------------------------------------------------------------

    def seen(self, batch: BatchBody) -> None:
        """A TaskBatch was added or changed."""
        body = batch.manifest
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        before = self._views.get(key)
        view = _view(batch, before)
        self._views[key] = view
        self._keys[view.ref.uid] = key
        if before is not None and before.ref.uid != view.ref.uid:
            self._keys.pop(before.ref.uid, None)
            self._orphan(key, before)
        if before is None or (before.ref, before.deleting) != (view.ref, view.deleting):
            self.queue.add(key)  # else only its status has changed, which is our own doing

    def gone(self, uid: str) -> None:
        """A TaskBatch was deleted."""
        if (key := self._keys.get(uid)) is not None:
            self._vanished(key)

    def uids(self, namespace: str | None = None) -> list[str]:
        """Of all that are kept, or of a namespace's."""
        return [view.ref.uid for view in self._views.values() if namespace in (None, view.ref.namespace)]

    def knows(self, uid: str) -> bool:
        """Whether it is kept."""
        return uid in self._keys

    def misread(self) -> Iterable[str]:
        """The namespaces of those that aren't understood, one for each."""
        return (view.ref.namespace for view in self._views.values() if view.problem)

    def queues(self) -> set[Key]:
        """(namespace, queue) of all that are kept."""
        return {(view.ref.namespace, view.spec.queue_name()) for view in self._views.values()}

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        self._recalled.clear()
        self._orphans.clear()
        for key in self._views:
            self.queue.add(key)

    def _vanished(self, key: Key) -> None:
        self._recalled.pop(key, None)
        self._wrote.pop(key, None)
        if (view := self._views.pop(key, None)) is not None:
            self._keys.pop(view.ref.uid, None)
            self._orphan(key, view)

    def _orphan(self, key: Key, view: BatchView) -> None:
        if self.queue.running:  # who stands by needn't remember: the sweep finds what was missed
            self._orphans[key] = view
            self.queue.add(key)

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> float | None:
        if (orphan := self._orphans.get(key)) is not None:
            await self._abandon(orphan)
            if self._orphans.get(key) is orphan:
                del self._orphans[key]
        view = self._views.get(key)
        if view is None:
            return None
        return await (self._expire(key, view) if view.finished else self._look(key, view))

    async def _look(self, key: Key, view: BatchView) -> float:
        """Bring it on, and write how it stands. When to look again."""
        again = await self._write(key, view, await self._status(view, self._clock()))
        ended = self._views.get(key)
        if ended is None or not ended.finished:
            return again
        await self._tell(ended)
        return 0.0

    async def _status(self, view: BatchView, now: float) -> Manifest:
        """Bring it on; how it stands then."""
        broker = self._brokers.of(view.ref.namespace)
        rules = self._rules(view.ref.namespace, view.spec.queue_name())
        refused = None if view.began_before else refusal(view, rules)
        hold = Hold.STOPPED if refused else hold_of(view, now)
        may_create = refused is None and (view.spec.items is not None or not view.began_before)
        items = await broker.tend(batch_terms(view.spec, view.ref.uid, hold), create=may_create)
        if items is None:
            return batch_status(view, lost(view), refused or ending(view, lost(view), now) or LOST, now=now)
        items = await self._brought_on(broker, view, items, hold)
        counts = counted(items, view.spec.total)
        return batch_status(view, counts, refused or judge(view, counts, now), now=now)

    async def _brought_on(self, broker: Broker, view: BatchView, items: BatchItems, hold: Hold) -> BatchItems:
        """Do what is missing, and see how it stands then."""
        if hold is not Hold.STOPPED:
            items = await self._again(broker, view, items)
            if view.spec.items is not None:
                await self._send(broker, view, items)
        if hold is Hold.SUSPENDED:
            await self._recall(broker, view, items)
        stop = ending(view, counted(items, view.spec.total), self._clock())
        if stop is not None:
            await self._cancel(broker, view, items, stop)
        return await broker.look(view.id) or items

    async def _again(self, broker: Broker, view: BatchView, items: BatchItems) -> BatchItems:
        """A new run takes up what didn't succeed before."""
        if items.run >= view.ref.run and not items.retrying:
            return items
        while not await broker.retry_items(view.id, view.ref.run, CHUNK):
            pass
        return await broker.look(view.id) or items

    async def _send(self, broker: Broker, view: BatchView, items: BatchItems) -> None:
        """Send the inline items that weren't sent yet, as far as the queue has room."""
        inline = view.spec.items or ()
        known = items.items.ljust(len(inline), NOT_SENT)
        for indexes in _chunks(marked(known[: len(inline)], NOT_SENT)):
            if await broker.send_items([_message(view, index) for index in indexes]) != len(indexes):
                return

    async def _recall(self, broker: Broker, view: BatchView, items: BatchItems) -> None:
        key = (view.ref.namespace, view.ref.name)
        if self._recalled.get(key) != view.ref.generation:
            for indexes in _chunks(marked(items.items, QUEUED)):
                await broker.recall_items(view.id, indexes)
            self._recalled[key] = view.ref.generation

    async def _cancel(self, broker: Broker, view: BatchView, items: BatchItems, why: Judgement) -> None:
        for indexes in _chunks(marked(items.items, QUEUED)):
            ends = [self._cancelled(view, index, why) for index in indexes]
            await broker.cancel_items(ends, reason=why.reason, life=view.spec.life)

    def _cancelled(self, view: BatchView, index: int, why: Judgement) -> Outcome:
        return Outcome(
            id=item_id(view.id, index),
            task=view.spec.task,
            phase=Phase.CANCELLED,
            finished_at=self._clock(),
            failure=Failure(why.reason, why.message),
        )

    async def _write(self, key: Key, view: BatchView, status: Manifest) -> float:
        """Write a status that has changed, at most once a second. When to look again."""
        now = self._clock()
        since = now - self._wrote.get(key, 0.0)
        if view.status == status or 0 <= since < LOOK_SECONDS:
            return LOOK_SECONDS - since if 0 <= since < LOOK_SECONDS else LOOK_SECONDS
        try:
            patch = guarded(view.ref, status)
            written = await self._kube.patch(TASK_BATCHES, *key, patch, subresource="status")
        except ApiRefused as error:
            self._refused(key, error)
            return LOOK_SECONDS
        self._wrote[key] = now
        if self._views.get(key) is view:  # the watch may be slower
            self._views[key] = BatchView.of(written, view)
        return LOOK_SECONDS

    def _refused(self, key: Key, error: ApiRefused) -> None:
        if error.status == NOT_FOUND:
            self._vanished(key)
        elif error.status == INVALID:  # its run or even its uid is another by now: the watch tells
            log.info("TaskBatch %s/%s: its status wasn't taken: %s", *key, error.message)
        else:
            raise error

    async def _tell(self, view: BatchView) -> None:
        """An Event for what needs a person."""
        if view.status["phase"] == BatchPhase.FAILED:
            about = Subject("TaskBatch", view.ref.namespace, view.ref.name, view.ref.uid)
            note = f"{view.status['failed']} of {view.status['total']} items of task {view.spec.task} failed"
            await self._events.write(about, "Warning", "Failed", note, at=self._clock())

    async def _expire(self, key: Key, view: BatchView) -> float | None:
        """It has ended: delete it when its time is over."""
        rules, now = self._rules(view.ref.namespace, view.spec.queue_name()), self._clock()
        at = (view.finished_at or now) + rules.life(view.spec.ttl_seconds_after_finished)
        if at > now:
            return await self._observed(key, view, at - now)
        if not await self._kube.delete(TASK_BATCHES, *key, uid=view.ref.uid):
            self._vanished(key)
        return None

    async def _observed(self, key: Key, view: BatchView, later: float) -> float:
        """A spec may change after the end; `kubectl wait` and kstatus ignore what speaks of an older generation."""
        generation = view.ref.generation
        if view.status.get("observedGeneration") == generation:
            return later
        renewed = [one | {"observedGeneration": generation} for one in view.status.get("conditions", ())]
        status = view.status | {"observedGeneration": generation, "conditions": renewed}
        return min(later, await self._write(key, view, status))

    async def _abandon(self, view: BatchView) -> None:
        """Its resource is deleted: what hasn't ended needn't run."""
        broker = self._brokers.of(view.ref.namespace)
        items = await broker.tend(batch_terms(view.spec, view.ref.uid, Hold.STOPPED), create=False)
        if items is not None:
            await self._cancel(broker, view, items, DELETED)
            await broker.forget_batch(view.id)


def _view(batch: BatchBody, before: BatchView | None) -> BatchView:
    """What is understood of it."""
    problem = batch.problem
    if not problem:
        try:
            return BatchView.of(batch.manifest, before)
        except Exception as error:  # a newer schema may have let in anything
            problem = problem_of(error)
    return BatchView.misread(batch.manifest, problem)


def _chunks(indexes: Iterable[int]) -> Iterator[Sequence[int]]:
    rest = iter(indexes)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _message(view: BatchView, index: int) -> Envelope:
    """The message that an inline item becomes."""
    spec = view.spec
    item = (spec.items or ())[index]
    return Envelope(
        id=item_id(view.id, index),
        task=spec.task,
        queue=spec.queue_name(),
        payload=codec.encode_call(item.args, item.kwargs),
        priority=spec.priority.value,
        created_at=view.created_at,
        timeout=spec.timeout_seconds,
        retry=RetryPolicy.of(spec.retry) if spec.retry else None,
        result_ttl=spec.life,
        traceparent=view.traceparent,
    )

"""Tasks: sees each to its queue, to its end and to its deletion. Level-triggered: every look compares what the
resource says with what the broker knows, so a missed or doubled event changes nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import msgspec

from penstock.broker.messages import Cancellation, Sent
from penstock.kube import Kube, Manifest
from penstock.outcome import Failure, Outcome
from penstock.standing import Standing
from penstock.status import Phase
from penstock.status_writer import StatusWriter
from penstock.workqueue import WorkQueue
from penstock_operator.admission.admit import Admission, admit_identity
from penstock_operator.admission.decide import Admit, Cancel, Expire, Hold, Refuse, decide
from penstock_operator.admission.view import TaskView
from penstock_operator.api import TASKS, Key
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events, Subject

__all__ = ["Tasks"]

log = logging.getLogger("penstock.operator")
WORKERS = 64
# A Task that ends sooner never gets a status of its own for waiting: one API write is enough for a short Task.
QUEUED_AFTER_SECONDS = 1.0
ROOM_SECONDS = 2.0  # between two tries to get into a full queue
LOOK_AGAIN_SECONDS = 1.0
ENDED_SECONDS = 24 * 3600.0


class Tasks:
    """All Tasks that aren't deleted."""

    def __init__(
        self,
        kube: Kube,
        brokers: Brokers,
        events: Events,
        default_ttl: Callable[[str, str], int | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._brokers = brokers
        self._events = events
        self._default_ttl = default_ttl
        self._clock = clock
        self._writer = StatusWriter(kube)
        self._admission = Admission(brokers, clock)
        self._views: dict[Key, TaskView] = {}
        self._admitted: dict[str, float] = {}  # id → when this process put it on its queue
        self._orphans: dict[Key, TaskView] = {}  # deleted before they ended
        self.queue: WorkQueue[Key] = WorkQueue("tasks", self._reconcile, workers=WORKERS)

    # --- what the watch says --------------------------------------------------------------------------------------

    def seen(self, body: Manifest) -> None:
        """A Task was added or changed."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            view = TaskView.of(body)
        except (KeyError, ValueError) as error:  # pydantic's ValidationError is a ValueError
            log.error("Task %s/%s isn't understood and stays as it is: %r", *key, error)
            return
        before = self._views.get(key)
        if before is not None and before.id != view.id and not before.finished:
            self._orphans[key] = before  # a new run, or another Task of the same name, takes its place
        self._views[key] = view
        self.queue.add(key)

    def gone(self, body: Manifest) -> None:
        """A Task was deleted."""
        self._forget((body["metadata"]["namespace"], body["metadata"]["name"]))

    def uids(self) -> set[str]:
        """Of all Tasks that are kept."""
        return {view.ref.uid for view in self._views.values()}

    def vanished(self, uid: str) -> None:
        """A Task was deleted, and no event told of it."""
        for key in [key for key, view in self._views.items() if view.ref.uid == uid]:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        view = self._views.pop(key, None)
        self.queue.forget(key)
        if view is not None:
            self._admitted.pop(view.id, None)
            if not view.finished:
                self._orphans[key] = view
                self.queue.add(key)

    def unfinished(self) -> Iterable[TaskView]:
        """Those that the broker should know."""
        return [view for view in self._views.values() if view.id in self._admitted and not view.finished]

    def queues(self) -> set[tuple[str, str]]:
        """(namespace, queue) of all Tasks that are kept."""
        return {(view.ref.namespace, view.queue) for view in self._views.values()}

    def lost(self, view: TaskView) -> None:
        """The broker has forgotten it: queue it again."""
        self._admitted.pop(view.id, None)
        self.queue.add((view.ref.namespace, view.ref.name))

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> float | None:
        if (orphan := self._orphans.get(key)) is not None:
            await self._abandon(orphan)  # it stays an orphan if the broker can't be told now
            if self._orphans.get(key) is orphan:
                del self._orphans[key]
        view = self._views.get(key)
        if view is None:
            return None
        now = self._clock()
        match decide(view, self._default_ttl(view.ref.namespace, view.queue), now):
            case Admit():
                return await self._admit(view, now)
            case Hold(reason, message):
                return await self._hold(view, Standing(Phase.BLOCKED, reason, message, now, admitted=False))
            case Refuse(reason, message):
                return await self._end(view, Phase.FAILED, Failure(reason, message))
            case Cancel():
                return await self._end(view, Phase.CANCELLED, Failure("Cancelled", "spec.cancel is true"))
            case Expire(at):
                return await self._expire(key, view, at, now)

    async def _admit(self, view: TaskView, now: float) -> float | None:
        if view.id not in self._admitted:
            receipt = await self._admission.admit(view)
            if receipt.sent is Sent.FULL:
                return await self._full(view, now)
            self._admitted[view.id] = now
        waited = now - self._admitted[view.id]
        if view.phase in (Phase.PENDING, Phase.BLOCKED) or view.status_run < view.ref.run:
            if waited < QUEUED_AFTER_SECONDS:
                return QUEUED_AFTER_SECONDS - waited
            await self._say_queued(view, now)
        return None if view.deadline is None else view.deadline - now

    async def _full(self, view: TaskView, now: float) -> float | None:
        """As many tasks wait as the queue's maxDepth allows: its overflow says what becomes of the others."""
        config = await self._brokers.of(view.ref.namespace).config(view.queue)
        message = f"queue {view.queue} holds as many tasks as its maxDepth, {config.limits.depth}, allows"
        if not config.wait_for_room:
            return await self._end(view, Phase.FAILED, Failure("QueueFull", message))
        if view.said != "QueueFull":
            standing = Standing(Phase.BLOCKED, "QueueFull", message, now, admitted=False)
            await self._writer.standing(view.ref, standing, over=[view.phase])
        return ROOM_SECONDS

    async def _say_queued(self, view: TaskView, now: float) -> None:
        not_before = view.not_before or 0.0
        wait = f", not before {not_before - now:.0f} s from now" if not_before > now else ""
        standing = Standing(
            Phase.QUEUED,
            "Queued",
            f"waits in queue {view.queue}{wait}",
            now,
            queued_at=max(self._admitted[view.id], not_before),
            traceparent=admit_identity(view),
        )
        await self._writer.standing(view.ref, standing, over=[view.phase])

    async def _hold(self, view: TaskView, standing: Standing) -> float | None:
        """Take it off its queue if it waits there, and say why it isn't queued. What runs already goes on."""
        if view.phase is not Phase.BLOCKED or view.said != standing.reason or view.id in self._admitted:
            result = await self._brokers.of(view.ref.namespace).withdraw(view.id)
            if result in (Cancellation.REQUESTED, Cancellation.FINISHED):
                return LOOK_AGAIN_SECONDS
            self._admitted.pop(view.id, None)
            await self._writer.standing(view.ref, standing, over=[view.phase])
        return None if view.deadline is None else view.deadline - standing.at

    async def _end(self, view: TaskView, phase: Phase, failure: Failure) -> float | None:
        """End it by the operator's word, unless a worker has it: then the worker has the last one."""
        outcome = self._outcome(view, phase, failure)
        broker = self._brokers.of(view.ref.namespace)
        if phase is Phase.FAILED:
            [snapshot] = await broker.snapshots([view.id])
            if snapshot is not None and snapshot.phase is Phase.RUNNING:
                return LOOK_AGAIN_SECONDS  # the worker knows the deadline too
        result, attempts = await broker.cancel(outcome, reason=failure.type, life=ENDED_SECONDS)
        if result in (Cancellation.UNKNOWN, Cancellation.CANCELLED):
            await self._writer.ended(msgspec.structs.replace(outcome, attempts=attempts))
            await broker.clear([outcome])
            self._admitted.setdefault(view.id, outcome.finished_at)  # seen through: its end is worth an Event
            return None
        return LOOK_AGAIN_SECONDS

    def _outcome(self, view: TaskView, phase: Phase, failure: Failure | None) -> Outcome:
        return Outcome(
            id=view.id,
            task=view.spec.task,
            phase=phase,
            finished_at=self._clock(),
            queued_at=self._admitted.get(view.id),
            failure=failure,
            traceparent=admit_identity(view),
            resource=view.ref,
        )

    async def _expire(self, key: Key, view: TaskView, at: float, now: float) -> float | None:
        if view.id in self._admitted:
            del self._admitted[view.id]
            await self._tell(view)
        if at > now:
            if view.observed < view.ref.generation:
                await self._writer.observed(view.ref, view.conditions)
            return at - now
        await self._kube.delete(TASKS, *key, uid=view.ref.uid)
        return None

    async def _tell(self, view: TaskView) -> None:
        """An Event for what needs a person; the many that succeed need none."""
        if view.phase in (Phase.FAILED, Phase.DEAD_LETTERED):
            about = Subject("Task", view.ref.namespace, view.ref.name, view.ref.uid)
            note = f"task {view.spec.task} ended as {view.phase}; see status.error"
            await self._events.write(about, "Warning", view.phase, note, at=self._clock())

    async def _abandon(self, view: TaskView) -> None:
        """Its resource is deleted: it needn't run, and there is nothing to report on."""
        outcome = Outcome(
            id=view.id,
            task=view.spec.task,
            phase=Phase.CANCELLED,
            finished_at=self._clock(),
            failure=Failure("Deleted", "its resource was deleted"),
        )
        await self._brokers.of(view.ref.namespace).cancel(outcome, reason="deleted", life=ENDED_SECONDS)

"""What is done about a Task once that is decided: onto its queue, off it, to its end, to its deletion. Every step may
be taken again: the broker and the API server know what was done before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from penstock.broker import Broker
from penstock.broker.messages import Cancellation, Sent
from penstock.keys import task_id
from penstock.kube import Kube
from penstock.outcome import Failure, Outcome
from penstock.pace import Pace
from penstock.standing import Standing
from penstock.status import Phase
from penstock.status_writer import StatusWriter
from penstock_operator.admission.admit import Admission, admit_identity, envelope_of
from penstock_operator.admission.prospects import TURN, Prospect
from penstock_operator.admission.view import TaskView
from penstock_operator.api import TASKS
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events, Subject

__all__ = ["Lifecycle"]

# A Task that ends sooner never gets a status of its own for waiting: one API write is enough for a short Task.
QUEUED_AFTER_SECONDS = 1.0
# That many Tasks wait is no reason to write to all of them at once: the outcomes of others are worth more.
QUEUED_PER_SECOND = 50.0
ROOM_SECONDS = 2.0  # between two tries to get into a full queue
LOOK_AGAIN_SECONDS = 1.0
EARLIER_RUNS = 16  # that may not have ended when another is asked for
ENDED_SECONDS = 24 * 3600.0


class Lifecycle:
    """Each step returns the seconds after which to look again, if that is needed without news."""

    def __init__(
        self,
        kube: Kube,
        brokers: Brokers,
        events: Events,
        clock: Callable[[], float] = time.time,
        outlook: Callable[[str, str], Prospect] = lambda _namespace, _queue: TURN,
    ) -> None:
        self._kube = kube
        self._brokers = brokers
        self._events = events
        self._clock = clock
        self._outlook = outlook
        self._writer = StatusWriter(kube)
        self._admission = Admission(brokers, clock)
        self._admitted: dict[str, float] = {}  # id → when it was found to be on its queue
        self._turns: dict[str, float] = {}  # id → when it may be called queued
        self._courtesy = Pace(QUEUED_PER_SECOND, burst=int(QUEUED_PER_SECOND), clock=clock)

    # --- what is known of the broker's side -------------------------------------------------------------------------

    def admitted(self, views: Iterable[TaskView]) -> list[TaskView]:
        """Those that were seen to their queue, and haven't ended."""
        return [view for view in views if view.id in self._admitted and not view.finished]

    def forget(self, id: str) -> None:
        """It is over, or not on its queue any more."""
        self._admitted.pop(id, None)
        self._turns.pop(id, None)

    def forget_all(self) -> None:
        """Somebody else may have acted meanwhile."""
        self._admitted.clear()
        self._turns.clear()

    async def released(self, view: TaskView) -> bool:
        """Whether this run has been queued, by whomever. Asks the broker only where it matters."""
        if view.id in self._admitted or view.waits_or_runs:
            return True
        if not view.spec.depends_on or view.finished:
            return False
        [snapshot] = await self._broker(view).snapshots([view.id])
        if snapshot is not None:
            self._admitted[view.id] = self._clock()
        return snapshot is not None

    # --- steps ------------------------------------------------------------------------------------------------------

    async def admit(self, view: TaskView) -> float | None:
        """Onto its queue; and say so, if it waits there for more than a moment."""
        now = self._clock()
        if view.id not in self._admitted:
            if await self._earlier_goes_on(view, now):
                return LOOK_AGAIN_SECONDS
            whole = await self._whole(view)
            if whole is None:
                return None
            if view.edited:
                await self._revise(whole, now)
            receipt = await self._admission.admit(whole)
            if receipt.sent is Sent.FULL:
                return await self._full(view, now)
            self._admitted[view.id] = now
        prospect = self._outlook(view.ref.namespace, view.queue)
        outdated = view.said != prospect.reason or view.observed < view.ref.generation
        untold = not view.waits_or_runs or (view.phase is Phase.QUEUED and outdated)
        if untold and (wait := self._turn(view, now)) > 0:
            return wait
        if untold:
            await self._say_queued(view, now, prospect)
            self._turns.pop(view.id, None)
        return None if view.deadline is None else max(0.0, view.deadline - now)

    async def _revise(self, view: TaskView, now: float) -> None:
        """Bring an edit of what waits to its message. What runs already goes on as it was: a new run has the edit."""
        due = None if view.phase is Phase.RETRYING else max(now, view.not_before or 0.0)
        await self._broker(view).revise(view.id, due=due, message=envelope_of(view, admit_identity(view)))

    async def _earlier_goes_on(self, view: TaskView, now: float) -> bool:
        """Whether an earlier run hasn't ended: it is cancelled, and this one waits for that. Two never overlap."""
        told = view.said == "EarlierRun"  # then the status speaks of this run already
        first = max(1 if told else view.status_run, view.ref.run - EARLIER_RUNS)
        ids = [task_id(view.queue, f"{view.uid}-{run}") for run in range(first, view.ref.run)]
        if not ids:
            return False
        broker = self._broker(view)
        found = await broker.snapshots(ids)
        open = [id for id, one in zip(ids, found, strict=True) if one is not None and not one.phase.terminal]
        why = Failure("NewRun", f"spec.run was raised to {view.ref.run}")
        ends = [msgspec.structs.replace(self._outcome(view, Phase.CANCELLED, why), id=id, resource=None) for id in open]
        asked = [await broker.cancel(end, reason=why.type, life=ENDED_SECONDS) for end in ends]
        if not any(result is Cancellation.REQUESTED for result, _ in asked):
            return False
        if not told:
            message = f"run {view.ref.run} starts once the run before it, which was cancelled, has ended"
            standing = Standing(Phase.BLOCKED, "EarlierRun", message, now, admitted=False)
            await self._writer.standing(view.ref, standing, over=[view.phase])
        return True

    def _turn(self, view: TaskView, now: float) -> float:
        """Seconds until it is worth saying that it is queued, and its turn has come."""
        waited = now - self._admitted[view.id]
        if waited < QUEUED_AFTER_SECONDS:
            return QUEUED_AFTER_SECONDS - waited
        at = self._turns.get(view.id)
        if at is None:
            at = self._turns[view.id] = now + self._courtesy.reserve()
        return at - now

    async def _whole(self, view: TaskView) -> TaskView | None:
        """With its payload, which isn't kept if it is large. None if it has changed meanwhile: then there is news."""
        if view.payload:
            return view
        body = await self._kube.get_raw(TASKS, *view.key)
        whole = TaskView.parse(body, whole=True) if body is not None else None
        return whole if whole is not None and whole.id == view.id else None

    async def _full(self, view: TaskView, now: float) -> float | None:
        """As many tasks wait as the queue's maxDepth allows: its overflow says what becomes of the others."""
        config = await self._broker(view).config(view.queue)
        message = f"queue {view.queue} holds as many tasks as its maxDepth, {config.limits.depth}, allows"
        if not config.wait_for_room:
            return await self.end(view, Phase.FAILED, Failure("QueueFull", message))
        if view.said != "QueueFull":
            standing = Standing(Phase.BLOCKED, "QueueFull", message, now, admitted=False)
            await self._writer.standing(view.ref, standing, over=[view.phase])
        return ROOM_SECONDS

    async def _say_queued(self, view: TaskView, now: float, prospect: Prospect) -> None:
        not_before = view.not_before or 0.0
        wait = f", not before {not_before - now:.0f} s from now" if not_before > now else ""
        standing = Standing(
            Phase.QUEUED,
            prospect.reason,
            f"waits in queue {view.queue}{wait}{'; ' * bool(prospect.message)}{prospect.message}",
            now,
            queued_at=max(self._admitted[view.id], not_before),
            traceparent=admit_identity(view),
        )
        await self._writer.standing(view.ref, standing, over=[view.phase])

    async def hold(self, view: TaskView, reason: str, message: str) -> float | None:
        """Off its queue if it waits there, and say why it isn't queued. What runs already goes on."""
        now = self._clock()
        told = view.phase is Phase.BLOCKED and view.said == reason and view.observed == view.ref.generation
        if not told or view.id in self._admitted:
            result = await self._broker(view).withdraw(view.id)
            if result in (Cancellation.REQUESTED, Cancellation.FINISHED):
                return LOOK_AGAIN_SECONDS
            self.forget(view.id)
            standing = Standing(Phase.BLOCKED, reason, message, now, admitted=False)
            await self._writer.standing(view.ref, standing, over=[view.phase])
        return None if view.deadline is None else max(0.0, view.deadline - now)

    async def end(self, view: TaskView, phase: Phase, failure: Failure) -> float | None:
        """End it by the operator's word, unless a worker has it: then the worker has the last one."""
        outcome = self._outcome(view, phase, failure)
        broker = self._broker(view)
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

    async def expire(self, view: TaskView, at: float | None) -> float | None:
        """It has ended: tell of it once, and delete it when its time has come."""
        if view.id in self._admitted:
            self.forget(view.id)
            await self._tell(view)
        if at is None or at > self._clock():
            if view.observed < view.ref.generation:
                await self._writer.observed(view.ref, view.conditions)
            return None if at is None else at - self._clock()
        await self._kube.delete(TASKS, *view.key, uid=view.uid)
        return None

    async def abandon(self, view: TaskView) -> None:
        """Its resource is gone: it needn't run, and there is nothing to report on."""
        outcome = msgspec.structs.replace(
            self._outcome(view, Phase.CANCELLED, Failure("Deleted", "its resource was deleted")), resource=None
        )
        await self._broker(view).cancel(outcome, reason="deleted", life=ENDED_SECONDS)

    def _outcome(self, view: TaskView, phase: Phase, failure: Failure) -> Outcome:
        return Outcome(
            id=view.id,
            task=view.spec.task,
            phase=phase,
            finished_at=self._clock(),
            queued_at=self._admitted.get(view.id, view.created_at if view.waits_or_runs else None),
            failure=failure,
            traceparent=admit_identity(view),
            resource=view.ref,
        )

    async def _tell(self, view: TaskView) -> None:
        """An Event for what needs a person; the many that succeed need none."""
        if view.phase in (Phase.FAILED, Phase.DEAD_LETTERED):
            about = Subject("Task", view.ref.namespace, view.ref.name, view.ref.uid)
            note = f"task {view.spec.task} ended as {view.phase}; see status.error"
            await self._events.write(about, "Warning", view.phase, note, at=self._clock())

    def _broker(self, view: TaskView) -> Broker:
        return self._brokers.of(view.ref.namespace)

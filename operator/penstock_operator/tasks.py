"""Tasks: sees each to its queue, to its end and to its deletion. Level-triggered: every look compares what the
resource says with what the broker knows, so a missed or doubled event changes nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from penstock.kube import Kube
from penstock.outcome import Failure
from penstock.status import Phase
from penstock.workqueue import WorkQueue
from penstock_operator.admission.admit import same_call
from penstock_operator.admission.decide import decide
from penstock_operator.admission.decisions import (
    Admit,
    Await,
    Cancel,
    Decision,
    Expire,
    Hold,
    QueueRules,
    Refuse,
    Surroundings,
)
from penstock_operator.admission.prospects import TURN, Prospect
from penstock_operator.admission.view import TaskView
from penstock_operator.api import Key
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.index import Index
from penstock_operator.lifecycle import Lifecycle

__all__ = ["Tasks"]

WORKERS = 64


class Tasks:
    """All Tasks that aren't deleted. What is `seen` is acted on as soon as the queue is started."""

    def __init__(
        self,
        kube: Kube,
        brokers: Brokers,
        events: Events,
        rules: Callable[[str, str], QueueRules],
        clock: Callable[[], float] = time.time,
        outlook: Callable[[str, str], Prospect] = lambda _namespace, _queue: TURN,
    ) -> None:
        """`rules` of a queue, and the `outlook` of who waits in it: both by namespace and name."""
        self._rules = rules
        self._clock = clock
        self._life = Lifecycle(kube, brokers, events, clock, outlook)
        self._index = Index()
        self._orphans: defaultdict[Key, list[TaskView]] = defaultdict(list)  # deleted or replaced before they ended
        self.queue: WorkQueue[Key] = WorkQueue("tasks", self._reconcile, workers=WORKERS)

    # --- what the watch says ----------------------------------------------------------------------------------------

    def seen(self, view: TaskView) -> None:
        """A Task was added or changed."""
        before = self._index.put(view)
        if before == view:
            return  # all are told again from time to time
        if before is not None and before.uid != view.uid:
            self._left(before)  # another Task of the same name takes its place
        elif before is not None and (before.id != view.id or not same_call(before, view)):
            self._life.forget(before.id)  # a new run, which cancels the one before, or an edit of its message
        if before is None or before.id != view.id or before.finished != view.finished:
            self._wake_relatives(view)
        self.queue.add(view.key)

    def gone(self, uid: str) -> None:
        """A Task was deleted."""
        view = self._index.pop(uid)
        if view is not None:
            self.queue.forget(view.key)
            self._left(view)
            self._wake_relatives(view)

    def _left(self, view: TaskView) -> None:
        self._life.forget(view.id)
        if not view.finished and self.queue.running:  # who stands by needn't remember: the sweep finds what was missed
            self._orphans[view.key].append(view)
            self.queue.add(view.key)

    def _wake_relatives(self, view: TaskView) -> None:
        """Those that wait for it; and those that it waited for, since their deletion may wait for its end."""
        for dependent in self._index.dependents(view.key):
            self.queue.add(dependent)
        for parent in view.spec.depends_on:
            self.queue.add((view.ref.namespace, parent.name))

    # --- what others ask --------------------------------------------------------------------------------------------

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all Tasks that are kept."""
        return self._index.uids(namespace)

    def knows(self, uid: str) -> bool:
        """Whether it is kept."""
        return self._index.has(uid)

    def ended(self, uid: str, run: int) -> bool:
        """Whether its status says that this run has ended."""
        view = self._index.of(uid)
        return view is not None and view.phase.terminal and view.status_run == run

    def unfinished(self) -> list[TaskView]:
        """Those that the broker should know."""
        return self._life.admitted(self._index.views())

    def misread(self) -> Iterable[str]:
        """See Misreads."""
        return self._index.misread()

    def queues(self) -> set[tuple[str, str]]:
        """(namespace, queue) of all Tasks that are kept."""
        return set(self._index.queues())

    def lost(self, view: TaskView) -> None:
        """The broker has forgotten it: queue it again."""
        self._life.forget(view.id)
        self.queue.add(view.key)

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        self._life.forget_all()
        self._orphans.clear()
        for key in self._index:
            self.queue.add(key)

    def rules_changed(self, namespace: str) -> None:
        """Those of a queue did: look again at what hasn't ended."""
        for view in self._index.views():
            if view.ref.namespace == namespace and not view.finished:
                self.queue.add(view.key)

    def outlook_changed(self, namespace: str, queues: Collection[str]) -> None:
        """That of those who wait there did."""
        for view in self._index.views():
            if view.phase is Phase.QUEUED and view.ref.namespace == namespace and view.queue in queues:
                self.queue.add(view.key)

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> float | None:
        while orphans := self._orphans.get(key):
            await self._life.abandon(orphans[0])  # it stays an orphan if the broker can't be told now
            orphans.pop(0)
        self._orphans.pop(key, None)
        view = self._index.get(key)
        if view is None:
            return None
        return await self._act(view, decide(view, await self._around(view)))

    async def _around(self, view: TaskView) -> Surroundings:
        released = await self._life.released(view)
        depends = bool(view.spec.depends_on) and not released and not view.finished
        return Surroundings(
            self._clock(),
            self._rules(view.ref.namespace, view.queue),
            self._index.parents(view) if depends else (),
            self._index.cycle(view) if depends else (),
            released=released,
            awaited=view.finished and self._index.awaited(view.key),
        )

    async def _act(self, view: TaskView, decision: Decision) -> float | None:
        match decision:
            case Admit():
                return await self._life.admit(view)
            case Hold(reason, message) | Await(reason, message):
                return await self._life.hold(view, reason, message)
            case Refuse(reason, message):
                return await self._life.end(view, Phase.FAILED, Failure(reason, message))
            case Cancel(reason, message):
                return await self._life.end(view, Phase.CANCELLED, Failure(reason, message))
            case Expire(at):
                return await self._life.expire(view, at)

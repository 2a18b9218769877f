"""Compares the broker with the resources, again and again: what one has lost is made good from the other."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from penstock.broker import Broker
from penstock.broker.messages import Snapshot
from penstock.errors import NotConnected, PenstockError
from penstock.keys import item_of, resource_uid
from penstock.kube import Kube
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from penstock.status_writer import StatusWriter
from penstock_operator.admission.view import TaskView
from penstock_operator.api import TASK_BATCHES, TASKS, Key
from penstock_operator.brokers import Brokers
from penstock_operator.tasks import Tasks

__all__ = ["Known", "Sweep"]

log = logging.getLogger("penstock.operator")
BATCH = 500
MOST = 5000  # compared in one look; the next goes on from there
# Younger outcomes are probably being reported by their worker right now.
REPORT_GRACE_SECONDS = 5.0
ORPHANS_EVERY = 12  # looks
ORPHAN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the operator has seen: all Tasks, whether there is a Task or a TaskBatch of a uid, and the queues in use."""

    tasks: Tasks
    has: Callable[[str], bool]
    queues: Callable[[], set[Key]]


class Sweep:
    """Invariants 1 and 5: no unfinished Task is missing in the broker, no outcome stays in the outbox."""

    def __init__(
        self, kube: Kube, brokers: Brokers, known: Known, interval: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._kube = kube
        self._writer = StatusWriter(kube)
        self._brokers = brokers
        self._known = known
        self._tasks = known.tasks
        self._interval = interval
        self._clock = clock
        self._compared = 0  # of the unfinished, in their order, so far

    async def run(self) -> None:
        """Compare for ever. Orphans first: they may have been made while nobody watched."""
        for look in itertools.count():
            try:
                await self.look(look)
            except PenstockError as error:
                log.warning("couldn't compare resources and broker, trying again in %g s: %s", self._interval, error)
            except Exception:  # a bug must not end what makes good for others
                log.exception("couldn't compare resources and broker, trying again in %g s", self._interval)
            await asyncio.sleep(self._interval)

    async def look(self, number: int) -> None:
        """Compare once."""
        await self._find_lost()
        for namespace, queue in self._known.queues():
            with _apart(f"outcomes of queue {namespace}/{queue}"):
                await self._report_left_over(namespace, queue)
        if number % ORPHANS_EVERY == 0:
            for namespace in {namespace for namespace, _ in self._known.queues()}:
                with _apart(f"tasks without a resource in namespace {namespace}"):
                    await self._find_orphans(namespace)

    # --- what the broker has lost -----------------------------------------------------------------------------------

    async def _find_lost(self) -> None:
        by_namespace: defaultdict[str, list[TaskView]] = defaultdict(list)
        for view in self._turn(self._tasks.unfinished()):
            by_namespace[view.ref.namespace].append(view)
        for namespace, views in by_namespace.items():
            with _apart(f"Tasks of namespace {namespace}"):
                for first in range(0, len(views), BATCH):
                    await self._compare(namespace, views[first : first + BATCH])

    def _turn(self, views: list[TaskView]) -> Iterable[TaskView]:
        """The next MOST of them."""
        first = self._compared if self._compared < len(views) else 0
        self._compared = first + MOST
        return views[first : first + MOST]

    async def _compare(self, namespace: str, views: list[TaskView]) -> None:
        snapshots = await self._brokers.of(namespace).snapshots([view.id for view in views])
        for view, snapshot in zip(views, snapshots, strict=True):
            if snapshot is None:
                log.warning("the broker has lost %s/%s: queued again", namespace, view.ref.name)
                self._compared = 0  # hardly it alone
                self._tasks.lost(view)
            elif self._unreported(snapshot):
                await self._report(view, snapshot)

    def _unreported(self, snapshot: Snapshot) -> bool:
        outcome = snapshot.outcome
        return outcome is not None and outcome.finished_at < self._clock() - REPORT_GRACE_SECONDS

    # --- what workers couldn't tell ---------------------------------------------------------------------------------

    async def _report(self, view: TaskView, snapshot: Snapshot) -> None:
        outcome, ref = snapshot.outcome, view.ref
        of = outcome.resource if outcome is not None else None
        # Its spec may have changed since; uid and run say whether it is the same.
        if outcome is not None and of is not None and (of.uid, of.run) == (ref.uid, ref.run):
            await self._reported(outcome)

    async def _report_left_over(self, namespace: str, queue: str) -> None:
        broker = self._brokers.of(namespace)
        horizon = self._clock() - REPORT_GRACE_SECONDS
        left = [outcome for outcome in await broker.outbox(queue, BATCH) if outcome.finished_at < horizon]
        await broker.clear([outcome for outcome in left if self._stands(outcome) or await self._reported(outcome)])

    def _stands(self, outcome: Outcome) -> bool:
        """Whether its resource says so already: its worker is alive, and only about to clear it."""
        return outcome.resource is not None and self._tasks.ended(outcome.resource.uid, outcome.resource.run)

    async def _reported(self, outcome: Outcome) -> bool:
        """One that can't be reported now mustn't hold up the others."""
        try:
            await self._writer.ended(outcome)
        except PenstockError as error:
            log.warning("couldn't report %s, trying again in %g s: %s", outcome.id, self._interval, error)
            return False
        log.info("reported %s, which its worker couldn't", outcome.id)
        return True

    # --- what nobody wants any more ---------------------------------------------------------------------------------

    async def _find_orphans(self, namespace: str) -> None:
        """Tasks whose resource was deleted while no operator watched needn't run. The API server has the last word: a
        watch may lag, and another operator may handle what this one doesn't see."""
        suspects = await self._suspects(namespace)
        if not suspects:
            return
        there = {uid for kind in (TASKS, TASK_BATCHES) async for uid in self._kube.uids(kind, namespace)}
        for id in [id for id, uid in suspects.items() if uid not in there]:
            await self._abandon(self._brokers.of(namespace), id)

    async def _abandon(self, broker: Broker, id: str) -> None:
        if (item := item_of(id)) is not None:
            await broker.forget_batch(item[0])  # or the end of one item would start the next
        await broker.cancel(self._deleted(id), reason="deleted", life=ORPHAN_SECONDS)
        log.info("cancelled %s, whose resource is gone", id)

    async def _suspects(self, namespace: str) -> dict[str, str]:
        """Ids of unfinished tasks whose resource isn't known here, and their uids."""
        broker, found = self._brokers.of(namespace), dict[str, str]()
        for queue in {queue for space, queue in self._known.queues() if space == namespace}:
            async for id in _unfinished(broker, queue):
                if (uid := resource_uid(id)) is not None and not self._known.has(uid):
                    found[id] = uid
        return found

    def _deleted(self, id: str) -> Outcome:
        failure = Failure("Deleted", "its resource was deleted")
        return Outcome(id=id, task="", phase=Phase.CANCELLED, finished_at=self._clock(), failure=failure)


@contextmanager
def _apart(what: str) -> Iterator[None]:
    """What can't be done for one queue or namespace keeps no other from it. What concerns all of them is raised."""
    try:
        yield
    except NotConnected:
        raise
    except PenstockError as error:
        log.warning("couldn't compare the %s, trying again later: %s", what, error)
    except Exception:  # a bug must not end what makes good for others
        log.exception("couldn't compare the %s, trying again later", what)


async def _unfinished(broker: Broker, queue: str) -> AsyncGenerator[str, None]:
    cursor = ""
    while True:
        cursor, ids = await broker.unfinished(queue, cursor)
        for id in ids:
            yield id
        if not cursor:
            return

"""Compares the broker with the resources, again and again: what one has lost is made good from the other."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Callable

from penstock.broker.messages import Snapshot
from penstock.errors import PenstockError
from penstock.kube import Kube
from penstock.outcome import Outcome
from penstock.status_writer import StatusWriter
from penstock_operator.admission.view import TaskView
from penstock_operator.api import TASKS
from penstock_operator.brokers import Brokers
from penstock_operator.tasks import Tasks

__all__ = ["Sweep"]

log = logging.getLogger("penstock.operator")
BATCH = 500
# Younger outcomes are probably being reported by their worker right now.
REPORT_GRACE_SECONDS = 3.0
DELETED_EVERY = 12  # looks


class Sweep:
    """Invariants 1 and 5: no unfinished Task is missing in the broker, no outcome stays in the outbox."""

    def __init__(
        self, kube: Kube, brokers: Brokers, tasks: Tasks, interval: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._kube = kube
        self._writer = StatusWriter(kube)
        self._brokers = brokers
        self._tasks = tasks
        self._interval = interval
        self._clock = clock

    async def run(self) -> None:
        """Compare for ever."""
        for look in itertools.count(1):
            await asyncio.sleep(self._interval)
            try:
                await self._find_lost()
                await self._report_left_over()
                if look % DELETED_EVERY == 0:
                    await self._find_deleted()
            except PenstockError as error:
                log.warning("couldn't compare resources and broker, trying again in %g s: %s", self._interval, error)

    async def _find_deleted(self) -> None:
        """A watch that had to list anew tells nothing of what was deleted meanwhile."""
        known = self._tasks.uids()  # before the list: what is made while it runs isn't in it
        there = {uid async for uid in self._kube.uids(TASKS)}
        for uid in known - there:
            self._tasks.vanished(uid)

    async def _find_lost(self) -> None:
        by_namespace: defaultdict[str, list[TaskView]] = defaultdict(list)
        for view in self._tasks.unfinished():
            by_namespace[view.ref.namespace].append(view)
        for namespace, views in by_namespace.items():
            for first in range(0, len(views), BATCH):
                await self._compare(namespace, views[first : first + BATCH])

    async def _compare(self, namespace: str, views: list[TaskView]) -> None:
        snapshots = await self._brokers.of(namespace).snapshots([view.id for view in views])
        for view, snapshot in zip(views, snapshots, strict=True):
            if snapshot is None:
                log.warning("the broker has lost %s/%s: queued again", namespace, view.ref.name)
                self._tasks.lost(view)
            elif self._unreported(snapshot):
                await self._report(view, snapshot)

    def _unreported(self, snapshot: Snapshot) -> bool:
        outcome = snapshot.outcome
        return outcome is not None and outcome.finished_at < self._clock() - REPORT_GRACE_SECONDS

    async def _report(self, view: TaskView, snapshot: Snapshot) -> None:
        outcome, ref = snapshot.outcome, view.ref
        of = outcome.resource if outcome is not None else None
        # Its spec may have changed since; uid and run say whether it is the same.
        if outcome is not None and of is not None and (of.uid, of.run) == (ref.uid, ref.run):
            await self._reported(outcome)

    async def _report_left_over(self) -> None:
        for namespace, queue in self._tasks.queues():
            broker = self._brokers.of(namespace)
            horizon = self._clock() - REPORT_GRACE_SECONDS
            left = [outcome for outcome in await broker.outbox(queue, BATCH) if outcome.finished_at < horizon]
            await broker.clear([outcome for outcome in left if await self._reported(outcome)])

    async def _reported(self, outcome: Outcome) -> bool:
        """One that can't be reported now mustn't hold up the others."""
        try:
            await self._writer.ended(outcome)
        except PenstockError as error:
            log.warning("couldn't report %s, trying again in %g s: %s", outcome.id, self._interval, error)
            return False
        log.info("reported %s, which its worker couldn't", outcome.id)
        return True

"""Reports to the API server: how a Task runs and how it ended. What can't be told now is told later; what a dying
worker leaves in the outbox, the operator tells."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from penstock.batcher import Batcher
from penstock.broker import Broker
from penstock.envelope import Envelope, ResourceRef
from penstock.keys import queue_of
from penstock.kube import Kube
from penstock.outcome import Outcome
from penstock.standing import Standing
from penstock.status_writer import StatusWriter
from penstock.workqueue import WorkQueue

__all__ = ["ApiReporter"]

log = logging.getLogger("penstock.report")
WRITERS = 16
PAUSE_SECONDS = 0.02
# What waits beyond this, while the API server is away, is left to the outbox and the operator's sweep.
MOST_WAITING = 10_000

News = tuple[ResourceRef, Standing] | Outcome


class ApiReporter:
    """The latest report of each task, on its way. Use as `async with`."""

    def __init__(self, kube: Kube, broker: Broker) -> None:
        self._writer = StatusWriter(kube)
        self._broker = broker
        self._latest: dict[str, News] = {}
        self._queue: WorkQueue[str] = WorkQueue("reports", self._report, workers=WRITERS)
        self._clearing: defaultdict[str, Batcher[Outcome, None]] = defaultdict(partial(Batcher, self._clear))

    def standing(self, envelope: Envelope, standing: Standing) -> None:
        """See Reporter."""
        if envelope.resource is not None and not isinstance(self._latest.get(envelope.id), Outcome):
            self._take(envelope.id, (envelope.resource, standing))

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """See Reporter."""
        for outcome in outcomes:
            self._take(outcome.id, outcome)

    def _take(self, id: str, news: News) -> None:
        if len(self._latest) < MOST_WAITING or id in self._latest:
            self._latest[id] = news
            self._queue.add(id)

    async def _report(self, id: str) -> None:
        news = self._latest.get(id)
        if isinstance(news, Outcome):
            await self._writer.ended(news)
            await self._clearing[queue_of(id)](news)
        elif news is not None:
            await self._writer.standing(*news)
        # Only now, and only if nothing newer came: what failed is tried again from here.
        if self._latest.get(id) is news:
            self._latest.pop(id, None)

    async def _clear(self, outcomes: list[Outcome]) -> list[None]:
        await self._broker.clear(outcomes)
        return [None] * len(outcomes)

    async def drain(self, seconds: float) -> None:
        """See Reporter."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._latest:  # what failed waits for its next try, and isn't in the queue meanwhile
                    await self._queue.idle()
                    await asyncio.sleep(PAUSE_SECONDS)

    async def __aenter__(self) -> ApiReporter:
        self._queue.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._queue.stop()
        if self._latest:
            log.warning("%d reports left to the operator", len(self._latest))

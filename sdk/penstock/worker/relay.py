"""Propagates the end of a linked task: tasks that wait for it get its result as an input, or fail with it; the sources
and the children of a task that failed or was cancelled are cancelled.

The broker keeps every such end until it was propagated. If a worker dies in between, others find it by `recover`.
Propagating it twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from penstock.broker import Broker
from penstock.broker.messages import Cancellation, Ended, Supply
from penstock.envelope import tied
from penstock.errors import NotConnected, PenstockError
from penstock.keys import queue_of
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from penstock.worker.outage import Outage

__all__ = ["Relay", "concluded", "forsaken", "supplies"]

log = logging.getLogger("penstock.worker")
LIFE_SECONDS = 7 * 24 * 3600.0  # of inputs that nobody fetches, and of what is recorded of a task that ended unstarted
PATIENCE_SECONDS = 2.0  # after which others tell what one has taken up
BATCH = 500
CANCELS = 50  # at a time
PROPAGATION_SECONDS = 3600.0  # within which an end has reached those that wait for it
LOOKS = 500  # at so many of a task's sources, to see whether one is still to end


class Relay:
    """One worker's. What ends while a batch is under way goes into the next one."""

    def __init__(self, broker: Broker, clock: Callable[[], float], outage: Outage | None = None) -> None:
        self._outage = outage or Outage()
        self._broker = broker
        self._clock = clock
        self._waiting: list[Ended] = []
        self._work: asyncio.Task[None] | None = None

    def ended(self, ended: Ended) -> None:
        """Propagate it soon."""
        self._waiting.append(ended)
        if self._work is None:
            self._work = asyncio.create_task(self._tell_all(), name="penstock relay")

    async def recover(self, queue: str) -> None:
        """Propagate what no worker has propagated yet."""
        while found := await self._broker.take_ended(queue, BATCH, patience=PATIENCE_SECONDS):
            await self._tell_apart(found)

    async def expire(self, queue: str, seconds: float) -> None:
        """End what has been blocked for so long, unless a task that it waits for is still to end."""
        now = self._clock()
        for blocked in await self._broker.blocked(queue, BATCH, since=now - seconds):
            if await self._expected(blocked.message):
                await self._broker.linger(queue, [blocked.id])
                continue
            failure = Failure("Abandoned", f"what it waits for didn't come in {seconds / 86400:g} days, and is gone")
            outcome = _unstarted(blocked.id, Phase.FAILED, failure, now)
            await self._broker.cancel(outcome, reason="abandoned", life=LIFE_SECONDS)

    async def _expected(self, message: bytes) -> bool:
        """Whether one of the tasks that it waits for hasn't ended, or its end may be on its way."""
        sources = [id for source in tied(message)[1].sources for id in source.ids(LOOKS)]
        seen = await self._broker.snapshots(sources[:LOOKS])
        lately = self._clock() - PROPAGATION_SECONDS
        return any(one and (one.outcome is None or one.outcome.finished_at > lately) for one in seen)

    async def drain(self, seconds: float) -> None:
        """Propagate the last. Other workers find what can't be done in time."""
        if self._work is not None:
            await asyncio.wait([self._work], timeout=seconds)
            if self._work is not None:
                self._work.cancel()

    async def _tell_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                try:
                    await self._tell_apart(batch)
                except PenstockError as error:
                    self._outage.failed("relay", queue_of(batch[0].outcome.id), error)
        finally:
            self._work = None

    async def _tell_apart(self, batch: Sequence[Ended]) -> None:
        """Propagate them together or, if that fails for one of them, each alone: it doesn't block the others."""
        try:
            return await self._tell(batch)
        except NotConnected:
            raise
        except Exception:
            troubles = [(one.outcome.id, trouble) for one in batch if (trouble := await self._trouble(one))]
        if troubles:
            log.error(
                "can't propagate the end of %d tasks, will try again; first of them %s: %s", len(troubles), *troubles[0]
            )
        return None

    async def _trouble(self, ended: Ended) -> Exception | None:
        """Why one can't be propagated, if it can't."""
        try:
            await self._tell([ended])
        except NotConnected:
            raise
        except Exception as error:
            return error
        return None

    async def _tell(self, batch: Sequence[Ended]) -> None:
        # 1. Inputs, by the queue that they go to.
        now = self._clock()
        for found in _by_queue(batch, lambda ended: supplies(ended, now)):
            for first in range(0, len(found), BATCH):
                await self._broker.supply(found[first : first + BATCH], life=LIFE_SECONDS)
        # 2. What nobody needs any more.
        await self._cancel([id for ended in batch for id in forsaken(ended)])
        # 3. That this is done.
        by_queue: defaultdict[str, list[Ended]] = defaultdict(list)
        for ended in batch:
            by_queue[queue_of(ended.outcome.id)].append(ended)
        for queue, told in by_queue.items():
            await self._broker.relayed(queue, told)

    async def _cancel(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), CANCELS):
            await asyncio.gather(*map(self._cancel_one, ids[first : first + CANCELS]))

    async def _cancel_one(self, id: str) -> Cancellation:
        failure = Failure("Cancelled", "the flow or the parent that it belongs to has ended")
        outcome = _unstarted(id, Phase.CANCELLED, failure, self._clock())
        done, _ = await self._broker.cancel(outcome, reason="cascade", life=LIFE_SECONDS)
        return done


def _by_queue(batch: Sequence[Ended], of: Callable[[Ended], Iterator[Supply]]) -> Iterator[list[Supply]]:
    found: defaultdict[str, list[Supply]] = defaultdict(list)
    for ended in batch:
        for supply in of(ended):
            found[queue_of(supply.id)].append(supply)
    yield from found.values()


def supplies(ended: Ended, now: float) -> Iterator[Supply]:
    """The inputs that a task's end gives to the tasks that wait for it."""
    outcome, (task, links) = ended.outcome, tied(ended.message)
    for feed in links.feeds:
        if outcome.phase is Phase.SUCCEEDED:
            yield Supply(feed.id, feed.index, outcome.result or b"null")
        else:
            yield Supply(feed.id, feed.index, None, concluded(feed.id, outcome, task or "a task", now))


def concluded(id: str, cause: Outcome, task: str, now: float) -> Outcome:
    """How a task ends whose source ended so: with the type and the message of the first task that failed."""
    failure = cause.failure or Failure(str(cause.phase))
    if not failure.upstream:
        message = f"{task} ({cause.id}): {failure.type}: {failure.message}"
        failure = Failure.bounded(failure.type, message, failure.traceback, upstream=cause.id)
    return _unstarted(id, Phase.CANCELLED if cause.phase is Phase.CANCELLED else Phase.FAILED, failure, now)


def _unstarted(id: str, phase: Phase, failure: Failure, now: float) -> Outcome:
    return Outcome(id=id, task="", phase=phase, finished_at=now, failure=failure)


def forsaken(ended: Ended) -> Iterator[str]:
    """What to cancel because this one failed or was cancelled: its children, and its sources if it was blocked."""
    if ended.outcome.phase is Phase.SUCCEEDED:
        return
    yield from ended.children
    if ended.waits:
        for source in tied(ended.message)[1].sources:
            yield from source.ids(ended.waits)

"""Submitting through the broker, and following what was submitted."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from opentelemetry import trace

from penstock import telemetry
from penstock.batcher import Batcher
from penstock.broker import Broker
from penstock.broker.messages import Cancellation, Receipt, Revision, Sent, Snapshot
from penstock.children import Children
from penstock.clock import Timekeeper
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError, NotConnected, PenstockError, QueueFull, SubmissionError, UnknownTask
from penstock.handle import Change, Handle, Source, TaskStatus
from penstock.keys import queue_of
from penstock.limits import ROOM_SECONDS, ROUND_TRIP_MESSAGES
from penstock.namesake import check_namesake
from penstock.outcome import Failure, Outcome
from penstock.plan import Plan
from penstock.portal import Portal
from penstock.prepared import corrected
from penstock.sending import Answer, Sender, batches, chunks, failed
from penstock.status import Phase
from penstock.stopping import stopped
from penstock.submission import Signature
from penstock.telemetry import Step

__all__ = ["CANCELLED_SECONDS", "BrokerClient", "Came"]

log = logging.getLogger("penstock")
R = TypeVar("R")
Came = Handle[R] | Exception | None  # what became of one of many calls; None: its queue is full
CANCELLED_SECONDS = 24 * 3600.0  # how long the record of a task stays that was cancelled while it waited
BATCH = ROUND_TRIP_MESSAGES
AHEAD = 2  # batches of one call under way
RECALL_SECONDS = 5.0  # for taking a flow back
RECALLS = 50  # at a time


class BrokerClient:
    """One event loop's way to the broker. Concurrent submissions share round trips."""

    def __init__(self, broker: Broker, *, source: Source | None = None) -> None:
        """`source`: what handles use to follow their tasks; default: this client."""
        self.broker = broker
        self.portal = Portal()
        self.codec = source.codec if source else None
        self._clock = broker.clock
        self._time = Timekeeper(self._ask_for_time)
        self._source: Source = source or self
        self._send = Sender(broker)
        self._children = Children(broker, self._send)
        self._sending: defaultdict[str, Batcher[Envelope, Receipt]] = defaultdict(
            partial(Batcher, self._send, limit=BATCH)
        )

    async def _ask_for_time(self) -> None:
        """Moments count by the broker's clock. Who may not ask for it, for want of a right, goes by his own."""
        try:
            try:
                await self.broker.time()
            except NotConnected as error:
                if not error.open:
                    raise
                await self.broker.time()  # the connection was lost: on another one
        except NotConnected as error:
            error.open = False  # nothing was sent
            raise
        except SubmissionError as error:
            log.warning("times count by this machine's clock: the broker doesn't tell its own: %s", error)

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Queue one call."""
        if call.timed:
            await self._time.refresh()
        if call.parent is not None:
            [handle] = await self.submit_many([call])
            return handle
        if not telemetry.enabled():
            return await self._submit(call, call.envelope(self._clock(), telemetry.current()))
        names = _names(Step.SUBMIT, call, "")
        with trace.use_span(telemetry.start(Step.SUBMIT, names), end_on_exit=True):
            now = self._clock()
            admit = telemetry.start(Step.ADMIT, _names(Step.ADMIT, call, ""))
            with trace.use_span(admit, end_on_exit=True):
                envelope = call.envelope(now, telemetry.traceparent(admit))
                admit.set_attribute("messaging.message.id", envelope.id)
                return await self._submit(call, envelope)

    async def _submit(self, call: Signature[R], envelope: Envelope) -> Handle[R]:
        if call.definition.options.broadcast:
            await self.broker.broadcast(envelope)
            return Handle(envelope.id, self._source, call.definition.returns)
        receipt = await self._placed(envelope, await self._sending[envelope.queue](envelope), [])
        await check_namesake(self.broker, call, receipt)
        if receipt.sent is Sent.DUPLICATE and call.options.debounce is not None:
            return await self._debounced(call, envelope, receipt.id)
        return Handle(receipt.id, self._source, call.definition.returns)

    async def _debounced(self, call: Signature[R], envelope: Envelope, holder: str) -> Handle[R]:
        """Let the call that waits under the key be this one. Where it has just started, this one is the next."""
        message = msgspec.structs.replace(envelope, id=holder)
        revised = await self.broker.revise(holder, due=envelope.not_before, message=message)
        if revised is Revision.REVISED:
            return Handle(holder, self._source, call.definition.returns)
        return await self._submit(call, envelope)

    async def submit_many(self, calls: Sequence[Signature[R]]) -> list[Handle[R]]:
        """Queue many calls in few round trips, under one span. Handles come in the calls' order. Raises QueueFull or
        another SubmissionError, with the ids of those that were queued before."""
        if _any_timed(calls):
            await self._time.refresh()
        span = telemetry.start(Step.SUBMIT, _names(Step.SUBMIT, calls[0], ""))
        with trace.use_span(span, end_on_exit=True):
            parent = telemetry.traceparent(span) or telemetry.current()
            found = await self._send_all(calls, self._clock(), parent)
        came = [found.get(place) for place in range(len(calls))]
        queued = [handle for handle in came if isinstance(handle, Handle)]
        if len(queued) == len(calls):
            return queued
        ids = [handle.id for handle in queued]
        if errors := [error for error in came if isinstance(error, Exception)]:
            raise failed(errors, ids)
        raise await self._full(calls[came.index(None)].queue, ids)

    async def _send_all(self, calls: Sequence[Signature[R]], now: float, parent: str | None) -> dict[int, Came[R]]:
        """Handles by their calls' places. While Redis works on one batch, the next is made ready; after one with a
        refusal nothing more is sent."""
        found: dict[int, Came[R]] = {}
        under_way: deque[tuple[list[int], asyncio.Task[list[Came[R]]]]] = deque()
        places_left = batches(calls)
        try:
            while True:
                while len(under_way) < AHEAD and (places := next(places_left, None)):
                    sending = self._send_batch([calls[place] for place in places], now, parent)
                    under_way.append((places, asyncio.create_task(sending)))
                if not under_way:
                    return found
                places, task = under_way.popleft()
                sent = await task
                found |= zip(places, sent, strict=True)
                if not all(isinstance(one, Handle) for one in sent):
                    places_left = iter(())
        finally:
            await stopped(*(task for _, task in under_way))

    async def _send_batch(self, calls: Sequence[Signature[R]], now: float, parent: str | None) -> list[Came[R]]:
        """One round trip's worth, of one queue; None where it is full."""
        try:
            envelopes = [call.envelope(now, parent) for call in calls]
            await self._children.adopt(calls, envelopes)
            if any(call.definition.options.broadcast or call.options.debounce for call in calls):
                return [await self._submit(call, envelope) for call, envelope in zip(calls, envelopes, strict=True)]
        except Exception as error:  # told when those under way have ended
            return [error for _ in calls]
        found: list[Came[R]] = []
        refused = False
        for call, envelope, sent in zip(calls, envelopes, await self._children.send(calls, envelopes), strict=True):
            receipt: Answer | None = sent
            if isinstance(receipt, Receipt) and receipt.sent is Sent.FULL:
                receipt = None if refused else await self._once_there_is_room(envelope)
                refused = receipt is None
            if isinstance(receipt, Receipt) and receipt.sent is Sent.KNOWN:
                found.append(await self._known(call, receipt))
            elif isinstance(receipt, Receipt):
                found.append(Handle(receipt.id, self._source, call.definition.returns))
            else:
                found.append(receipt)
        return found

    async def _known(self, call: Signature[R], receipt: Receipt) -> Handle[R] | Exception:
        try:
            await check_namesake(self.broker, call, receipt)
        except PenstockError as error:
            return error
        return Handle(receipt.id, self._source, call.definition.returns)

    async def submit_plan(self, plan: Plan) -> None:
        """Queue a flow, those of its tasks first that wait for others. Raises QueueFull or SubmissionError; nothing of
        it waits then, as far as the broker can be reached."""
        if plan.timed:
            await self._time.refresh()
        now, last = self._clock(), plan.last
        names = telemetry.attributes(Step.SUBMIT, id=last.id, task=last.task, queue=last.queue)
        span = telemetry.start(Step.SUBMIT, dict(names))
        with trace.use_span(span, end_on_exit=True):
            parent = telemetry.traceparent(span) or telemetry.current()
            messages = [step.envelope(now, parent) for step in sorted(plan.steps, key=lambda step: not step.waits)]
            try:
                await self.send(messages)
            except BaseException:  # whoever gives up waiting, too, wants all of it or nothing
                await self._recall([message.id for message in messages])
                raise

    async def _recall(self, ids: Sequence[str]) -> None:
        """Take back what was sent of a flow: what waits for the rest of it would wait for a week."""
        try:
            async with asyncio.timeout(RECALL_SECONDS):
                for first in range(0, len(ids), RECALLS):
                    await asyncio.gather(*map(self.broker.withdraw, ids[first : first + RECALLS]))
        except (PenstockError, TimeoutError) as error:
            log.warning("a flow of %d tasks (%s …) may be queued in part, for: %s", len(ids), ids[0], error)

    async def send_prepared(self, messages: Sequence[Envelope], now: float) -> None:
        """Queue what was made before, by a clock that says `now`. Raises as `send` does."""
        await self._time.refresh()
        ahead = self._clock() - now
        await self.send([corrected(message, ahead) for message in messages])

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Queue calls that were made ready before, in their order. Those whose ids the broker knows are left as they
        are. Raises QueueFull or another SubmissionError, with the ids of those that were queued before."""
        queued: list[str] = []
        for batch in chunks(envelopes):
            answers = await self._send(batch)
            for envelope, sent in zip(batch, answers, strict=True):
                if isinstance(sent, Receipt):
                    queued.append((await self._placed(envelope, sent, queued)).id)
            if errors := [error for error in answers if isinstance(error, Exception)]:
                raise failed(errors, queued)

    async def _placed(self, envelope: Envelope, sent: Receipt, queued: Sequence[str]) -> Receipt:
        """The receipt of what has got its place. Raises QueueFull, with what was `queued` before."""
        receipt = await self._once_there_is_room(envelope) if sent.sent is Sent.FULL else sent
        if receipt is None:
            raise await self._full(envelope.queue, queued)
        return receipt

    async def _once_there_is_room(self, envelope: Envelope) -> Receipt | None:
        """What a full queue's settings ask for: hold the submitter back, or refuse (None)."""
        while (await self.broker.config(envelope.queue)).wait_for_room:
            await asyncio.sleep(ROOM_SECONDS)
            [receipt] = await self._send([envelope])
            if isinstance(receipt, Exception):
                raise receipt
            if receipt.sent is not Sent.FULL:
                return receipt
        return None

    async def _full(self, queue: str, queued: Sequence[str]) -> QueueFull:
        depth = (await self.broker.config(queue)).limits.depth
        before = f" ({len(queued)} of this call were queued before: they are in .queued)" if queued else ""
        return QueueFull(
            f"queue {queue!r} is full: {depth} tasks wait, its maxDepth{before}; try again later, raise maxDepth or "
            "set overflow: Wait",
            queued,
        )

    async def status(self, id: str) -> TaskStatus:
        """See Source."""
        [snapshot] = await self.broker.snapshots([id])
        if snapshot is None:
            raise UnknownTask(f"{id}: never queued in this namespace, or its record has expired")
        return _status(snapshot)

    async def wait(self, id: str) -> Outcome | None:
        """See Source."""
        return await self.broker.wait(id)

    async def cancel(self, id: str) -> bool:
        """See Source."""
        failure = Failure("Cancelled", "cancelled before it started")
        outcome = Outcome(id=id, task="", phase=Phase.CANCELLED, finished_at=self._clock(), failure=failure)
        result, _ = await self.broker.cancel(outcome, reason="handle", life=CANCELLED_SECONDS)
        if result is Cancellation.UNKNOWN:
            raise UnknownTask(f"{id}: never queued in this namespace, or its record has expired")
        return result is not Cancellation.FINISHED

    async def revise(self, id: str, change: Change) -> bool:
        """See Source."""
        await self._time.refresh()
        message, call, due = None, change.call, change.due(self._clock())
        if call is not None:
            if call.queue != queue_of(id):
                raise ConfigurationError(f"{id}: its place can't be taken by a call for queue {call.queue!r}")
            message = call.envelope(self._clock(), telemetry.current(), id=id)
        result = await self.broker.revise(id, due=due, message=message)
        if result is Revision.UNKNOWN:
            raise UnknownTask(f"{id}: never queued in this namespace, or its record has expired")
        if result is Revision.LINKED:
            raise ConfigurationError(
                f"{id}: a step of a flow, or a task with children, can't be replaced by another call: what waits for "
                "it would wait for ever; cancel it and submit another flow"
            )
        return result is Revision.REVISED

    async def close(self) -> None:
        """Send what is under way and disconnect."""
        for batcher in self._sending.values():
            await batcher.close()
        await self.broker.close()


def _any_timed(calls: Sequence[Signature[Any]]) -> bool:
    """Whether a call says when. Most of them have the options of the first."""
    first = calls[0]
    others = (call for call in calls if call.options is not first.options or call.definition is not first.definition)
    return first.timed or any(call.timed for call in others)


def _names(step: Step, call: Signature[R], id: str) -> dict[str, str | int]:
    return dict(telemetry.attributes(step, id=id, task=call.definition.name, queue=call.queue))


def _status(snapshot: Snapshot) -> TaskStatus:
    said = msgspec.json.decode(snapshot.progress) if snapshot.progress else {}
    return TaskStatus(
        snapshot.phase,
        snapshot.attempts,
        snapshot.worker,
        said.get("percent"),
        said.get("message", ""),
        snapshot.outcome.failure if snapshot.outcome else None,
        said.get("data"),
    )

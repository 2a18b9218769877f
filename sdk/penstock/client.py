"""Submitting through the broker, and following what was submitted."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from opentelemetry import trace

from penstock import telemetry
from penstock.batcher import Batcher
from penstock.broker import Broker
from penstock.broker.messages import Cancellation, Receipt, Sent, Snapshot
from penstock.envelope import Envelope
from penstock.errors import QueueFull, UnknownTask
from penstock.handle import Handle, TaskStatus
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from penstock.submission import Signature
from penstock.telemetry import Step

__all__ = ["CANCELLED_SECONDS", "BrokerClient"]

R = TypeVar("R")
CANCELLED_SECONDS = 24 * 3600.0  # how long the record of a task stays that was cancelled while it waited
BATCH = 500
ROOM_SECONDS = 0.2  # between two looks whether a full queue has room again


class BrokerClient:
    """One event loop's way to the broker. Concurrent submissions share round trips."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.time) -> None:
        self.broker = broker
        self._clock = clock
        self._sending: defaultdict[str, Batcher[Envelope, Receipt]] = defaultdict(
            partial(Batcher, broker.send, limit=BATCH)
        )

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Queue one call."""
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
            return Handle(envelope.id, self, call.definition.returns)
        receipt = await self._sending[envelope.queue](envelope)
        if receipt.sent is Sent.FULL:
            receipt = await self._once_there_is_room(envelope)
        return Handle(receipt.id, self, call.definition.returns)

    async def submit_many(self, calls: Sequence[Signature[R]]) -> list[Handle[R]]:
        """Queue many calls in few round trips, under one span. Handles come in the calls' order."""
        span = telemetry.start(Step.SUBMIT, _names(Step.SUBMIT, calls[0], ""))
        with trace.use_span(span, end_on_exit=True):
            now, parent = self._clock(), telemetry.traceparent(span) or telemetry.current()
            by_queue: defaultdict[str, list[int]] = defaultdict(list)
            for place, call in enumerate(calls):
                by_queue[call.queue].append(place)
            handles: list[Handle[R] | None] = [None] * len(calls)
            for places in by_queue.values():
                for first in range(0, len(places), BATCH):
                    batch = places[first : first + BATCH]
                    sent = await self._send_batch([calls[place] for place in batch], now, parent)
                    for place, handle in zip(batch, sent, strict=True):
                        handles[place] = handle
        return [handle for handle in handles if handle is not None]

    async def _send_batch(self, calls: Sequence[Signature[R]], now: float, parent: str | None) -> list[Handle[R]]:
        """One round trip's worth, of one queue."""
        envelopes = [call.envelope(now, parent) for call in calls]
        if any(call.definition.options.broadcast for call in calls):
            return [await self._submit(call, envelope) for call, envelope in zip(calls, envelopes, strict=True)]
        receipts = await self.broker.send(envelopes)
        for place, receipt in enumerate(receipts):
            if receipt.sent is Sent.FULL:
                receipts[place] = await self._once_there_is_room(envelopes[place])
        return [
            Handle(receipt.id, self, call.definition.returns) for receipt, call in zip(receipts, calls, strict=True)
        ]

    async def _once_there_is_room(self, envelope: Envelope) -> Receipt:
        """What a full queue's settings ask for: hold the submitter back, or refuse."""
        config = await self.broker.config(envelope.queue)
        while config.wait_for_room:
            await asyncio.sleep(ROOM_SECONDS)
            [receipt] = await self.broker.send([envelope])
            if receipt.sent is not Sent.FULL:
                return receipt
            config = await self.broker.config(envelope.queue)
        raise QueueFull(
            f"queue {envelope.queue!r} is full: {config.limits.depth} tasks wait, its maxDepth; try again later, "
            "raise maxDepth or set overflow: Wait"
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

    async def close(self) -> None:
        """Send what is under way and disconnect."""
        for batcher in self._sending.values():
            await batcher.close()
        await self.broker.close()


def _names(step: Step, call: Signature[R], id: str) -> dict[str, str | int]:
    return dict(telemetry.attributes(step, id=id, task=call.definition.name, queue=call.queue))


def _status(snapshot: Snapshot) -> TaskStatus:
    said = msgspec.json.decode(snapshot.progress) if snapshot.progress else {}
    failure = snapshot.outcome.failure if snapshot.outcome else None
    return TaskStatus(
        snapshot.phase, snapshot.attempts, snapshot.worker, said.get("percent"), said.get("message", ""), failure
    )

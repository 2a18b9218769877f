"""Submitting through the broker, and following what was submitted."""

from __future__ import annotations

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
from penstock.broker.protocol import Cancellation, Snapshot
from penstock.envelope import Envelope
from penstock.errors import UnknownTask
from penstock.handle import Handle, TaskStatus
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from penstock.submission import Signature
from penstock.telemetry import Step

__all__ = ["CANCELLED_SECONDS", "BrokerClient"]

R = TypeVar("R")
CANCELLED_SECONDS = 24 * 3600.0  # how long the record of a task stays that was cancelled while it waited
BATCH = 500


class BrokerClient:
    """One event loop's way to the broker. Concurrent submissions share round trips."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.time) -> None:
        self.broker = broker
        self._clock = clock
        self._sending: defaultdict[str, Batcher[Envelope, bool]] = defaultdict(
            partial(Batcher, broker.send, limit=BATCH)
        )

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Queue one call."""
        names = _names(Step.SUBMIT, call, "")
        with trace.use_span(telemetry.start(Step.SUBMIT, names), end_on_exit=True):
            now = self._clock()
            admit = telemetry.start(Step.ADMIT, _names(Step.ADMIT, call, ""))
            with trace.use_span(admit, end_on_exit=True):
                envelope = call.envelope(now, telemetry.traceparent(admit))
                admit.set_attribute("messaging.message.id", envelope.id)
                await self._sending[envelope.queue](envelope)
        return Handle(envelope.id, self, call.definition.returns)

    async def submit_many(self, calls: Sequence[Signature[R]]) -> list[Handle[R]]:
        """Queue many calls in few round trips, under one span. Handles come in the calls' order."""
        by_queue: defaultdict[str, list[Envelope]] = defaultdict(list)
        handles: list[Handle[R]] = []
        span = telemetry.start(Step.SUBMIT, _names(Step.SUBMIT, calls[0], ""))
        with trace.use_span(span, end_on_exit=True):
            now, parent = self._clock(), telemetry.traceparent(span)
            for call in calls:
                envelope = call.envelope(now, parent)
                by_queue[envelope.queue].append(envelope)
                handles.append(Handle(envelope.id, self, call.definition.returns))
            for envelopes in by_queue.values():
                for first in range(0, len(envelopes), BATCH):
                    await self.broker.send(envelopes[first : first + BATCH])
        return handles

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

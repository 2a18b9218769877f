"""The broker in this process's memory: the same contract as Redis Streams, for tests and `penstock dev`.

It is private to one app object. Each method is one step of the event loop, which is its atomicity.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence

from penstock import envelope as envelopes
from penstock.broker.memory.state import Listener, QueueState, Record
from penstock.broker.protocol import (
    Begun,
    Cancellation,
    Delivery,
    Depth,
    Lease,
    QueueConfig,
    Renewal,
    Settlement,
    Snapshot,
    Verb,
    Verdict,
)
from penstock.envelope import Envelope
from penstock.keys import PRIORITIES, queue_of
from penstock.outcome import Outcome
from penstock.status import Phase

__all__ = ["MemoryBroker"]


class MemoryBroker:
    """One namespace's queues in memory. See Broker for what each method promises."""

    def __init__(self, namespace: str, *, clock: Callable[[], float] = time.time) -> None:
        self.namespace = namespace
        self._clock = clock
        self._numbers = itertools.count(1)
        self._queues: defaultdict[str, QueueState] = defaultdict(QueueState)
        self._records: dict[str, Record] = {}
        self._listeners: set[Listener] = set()

    def _record(self, id: str) -> Record | None:
        record = self._records.get(id)
        if record is not None and record.expires_at <= self._clock():
            del self._records[id]
            return None
        return record

    def _push(self, id: str, record: Record) -> None:
        queue = self._queues[queue_of(id)]
        record.entry = str(next(self._numbers))
        queue.ready[record.stream].append(Delivery(queue_of(id), record.stream, record.entry, id, record.message))
        queue.arrived.ring()

    def _schedule(self, id: str, record: Record, delay: float) -> None:
        record.queued_at = self._clock() + delay
        if delay > 0:
            self._queues[queue_of(id)].delayed[id] = record.queued_at
        else:
            self._push(id, record)

    def _finish(self, id: str, record: Record, outcome: Outcome, life: float) -> None:
        record.phase, record.outcome, record.nonce, record.entry = outcome.phase, outcome, "", ""
        record.expires_at = self._clock() + life
        if outcome.resource is not None:
            self._queues[queue_of(id)].outbox[id] = outcome
        record.ended.ring()

    # --- submitting and working ---------------------------------------------------------------------------------

    async def send(self, messages: Sequence[Envelope]) -> list[bool]:
        """See Broker."""
        return [self._send(message) for message in messages]

    def _send(self, message: Envelope) -> bool:
        if self._record(message.id) is not None:
            return False
        now = self._clock()
        record = Record(envelopes.encode(message), PRIORITIES.index(message.priority) + 1, now)
        self._records[message.id] = record
        self._schedule(message.id, record, max(0.0, (message.not_before or now) - now))
        return True

    async def claim(self, queue: str, consumer: str, budget: int, *, wait: float = 0.0) -> list[Delivery]:
        """See Broker."""
        state = self._queues[queue]
        if wait > 0 and not any(state.ready.values()):
            await state.arrived.wait(wait)
        return state.take(consumer, budget, self._clock())

    async def reclaim(self, queue: str, consumer: str, budget: int, *, lease: float) -> list[Delivery]:
        """See Broker."""
        now = self._clock()
        stale = [c for c in self._queues[queue].claimed.values() if now - c.renewed_at >= lease][:budget]
        for claim in stale:
            claim.consumer, claim.renewed_at = consumer, now
        return [claim.delivery for claim in stale]

    async def begin(
        self, deliveries: Sequence[Delivery], consumer: str, worker: str, *, max_crashes: int
    ) -> list[Begun]:
        """See Broker."""
        return [self._begin(delivery, consumer, worker, max_crashes) for delivery in deliveries]

    def _begin(self, delivery: Delivery, consumer: str, worker: str, max_crashes: int) -> Begun:
        now = self._clock()
        lease = Lease(delivery.queue, delivery.stream, delivery.entry, delivery.id, str(next(self._numbers)))
        claimed = self._queues[delivery.queue].claimed
        record = self._record(delivery.id)
        if delivery.entry not in claimed or claimed[delivery.entry].consumer != consumer or record is None:
            return Begun(lease, Verdict.LOST, 0, 0, now, now)
        if record.phase.terminal:
            del claimed[delivery.entry]
            return Begun(lease, Verdict.DONE, record.attempts, record.crashes, now, now)
        return Begun(
            lease,
            self._verdict(record, lease, worker, max_crashes),
            record.attempts,
            record.crashes,
            record.queued_at,
            now,
        )

    def _verdict(self, record: Record, lease: Lease, worker: str, max_crashes: int) -> Verdict:
        record.nonce, record.worker = lease.nonce, worker
        record.crashes += record.phase is Phase.RUNNING
        if record.cancel:
            return Verdict.CANCELLED
        if record.crashes >= max_crashes:
            return Verdict.CRASHED
        record.attempts += 1
        record.phase = Phase.RUNNING
        return Verdict.RUN

    def _held(self, lease: Lease) -> Record | None:
        record = self._record(lease.id)
        return record if record is not None and record.nonce == lease.nonce else None

    def renew(self, leases: Sequence[Lease], consumer: str) -> list[Renewal]:
        """See Broker."""
        return [self._renew(lease) for lease in leases]

    def _renew(self, lease: Lease) -> Renewal:
        record, claim = self._held(lease), self._queues[lease.queue].claimed.get(lease.entry)
        if record is None or claim is None:
            return Renewal.LOST
        claim.renewed_at = self._clock()
        return Renewal.CANCEL if record.cancel else Renewal.HELD

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """See Broker."""
        record = self._held(lease)
        if record is not None:
            record.progress = progress
        return record is not None

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Broker."""
        return [self._settle(settlement) for settlement in settlements]

    def _settle(self, settlement: Settlement) -> bool:
        lease, record = settlement.lease, self._held(settlement.lease)
        if record is None:
            return False
        state = self._queues[lease.queue]
        claim = state.claimed.pop(lease.entry)
        record.nonce = ""
        if settlement.verb is Verb.END and settlement.outcome is not None:
            self._finish(lease.id, record, settlement.outcome, settlement.life)
            if settlement.phase is Phase.DEAD_LETTERED:
                state.dead.append(claim.delivery)
            return True
        record.phase, record.message = settlement.phase, settlement.message
        record.attempts -= settlement.verb is not Verb.RETRY
        if settlement.verb is Verb.PARK:
            state.parked[lease.id] = self._clock()
            return True
        self._schedule(lease.id, record, settlement.delay)
        return True

    async def unclaim(self, deliveries: Sequence[Delivery], consumer: str) -> None:
        """See Broker."""
        for delivery in deliveries:
            claim = self._queues[delivery.queue].claimed.get(delivery.entry)
            record = self._record(delivery.id)
            if claim is not None and claim.consumer == consumer and record is not None:
                del self._queues[delivery.queue].claimed[delivery.entry]
                self._push(delivery.id, record)

    async def bury(self, delivery: Delivery, outcome: Outcome, *, life: float) -> None:
        """See Broker."""
        state = self._queues[delivery.queue]
        state.claimed.pop(delivery.entry, None)
        state.dead.append(delivery)
        record = self._records.setdefault(delivery.id, Record(delivery.message, delivery.stream, self._clock()))
        self._finish(delivery.id, record, outcome, life)

    async def promote(self, queue: str) -> float | None:
        """See Broker."""
        delayed, now = self._queues[queue].delayed, self._clock()
        for id in [id for id, due in delayed.items() if due <= now]:
            del delayed[id]
            if record := self._record(id):
                self._push(id, record)
        return min(delayed.values()) - now if delayed else None

    async def parked(self, queue: str, limit: int) -> list[Delivery]:
        """See Broker."""
        known = [(id, record) for id in self._queues[queue].parked if (record := self._record(id))]
        return [Delivery(queue, 0, "", id, record.message) for id, record in known[:limit]]

    async def unpark(self, queue: str, ids: Sequence[str]) -> None:
        """See Broker."""
        for id in ids:
            if self._queues[queue].parked.pop(id, None) is not None and (record := self._record(id)):
                self._push(id, record)

    async def leave(self, queue: str, consumer: str) -> None:
        """See Broker."""

    # --- steering and looking -----------------------------------------------------------------------------------

    async def cancel(self, outcome: Outcome, *, reason: str, life: float) -> tuple[Cancellation, int]:
        """See Broker."""
        record = self._record(outcome.id)
        if record is None:
            return Cancellation.UNKNOWN, 0
        if record.phase.terminal:
            return Cancellation.FINISHED, record.attempts
        if record.phase is Phase.RUNNING:
            record.cancel = reason
            for listener in self._listeners:
                listener.heard.append(outcome.id)
                listener.bell.ring()
            return Cancellation.REQUESTED, record.attempts
        self._forget(outcome.id, record)
        self._finish(outcome.id, record, outcome, life)
        return Cancellation.CANCELLED, record.attempts

    async def withdraw(self, id: str) -> Cancellation:
        """See Broker."""
        record = self._record(id)
        if record is None:
            return Cancellation.UNKNOWN
        if record.phase.terminal:
            return Cancellation.FINISHED
        if record.phase is Phase.RUNNING:
            return Cancellation.REQUESTED
        self._forget(id, record)
        del self._records[id]
        return Cancellation.CANCELLED

    def _forget(self, id: str, record: Record) -> None:
        state = self._queues[queue_of(id)]
        state.delayed.pop(id, None)
        state.parked.pop(id, None)
        state.claimed.pop(record.entry, None)
        stream = state.ready[record.stream]
        for delivery in [d for d in stream if d.id == id]:
            stream.remove(delivery)

    async def snapshots(self, ids: Sequence[str]) -> list[Snapshot | None]:
        """See Broker."""
        return [
            Snapshot(record.phase, record.attempts, record.worker, record.outcome, record.progress)
            if (record := self._record(id))
            else None
            for id in ids
        ]

    async def wait(self, id: str) -> Outcome | None:
        """See Broker."""
        record = self._record(id)
        if record is None:
            return None
        while record.outcome is None:
            await record.ended.wait()
        return record.outcome

    async def depth(self, queues: Sequence[str], *, horizon: float = 0.0) -> dict[str, Depth]:
        """See Broker."""
        now = self._clock()
        return {queue: self._queues[queue].depth(self._record, now, horizon) for queue in queues}

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """See Broker."""
        return list(itertools.islice(self._queues[queue].outbox.values(), limit))

    async def clear(self, outcomes: Sequence[Outcome]) -> None:
        """See Broker."""
        for outcome in outcomes:
            outbox = self._queues[queue_of(outcome.id)].outbox
            if outbox.get(outcome.id) == outcome:
                del outbox[outcome.id]

    async def configure(self, queue: str, config: QueueConfig | None) -> None:
        """See Broker."""
        self._queues[queue].config = config or QueueConfig()

    async def config(self, queue: str) -> QueueConfig:
        """See Broker."""
        return self._queues[queue].config

    async def cancellations(self, queues: Sequence[str]) -> AsyncGenerator[str, None]:
        """See Broker."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            while True:
                while listener.heard:
                    id = listener.heard.popleft()
                    if queue_of(id) in queues:
                        yield id
                await listener.bell.wait()
        finally:
            self._listeners.discard(listener)

    async def ping(self) -> None:
        """See Broker."""

    async def close(self) -> None:
        """See Broker."""

"""Sending and idempotency keys, as in `send.lua`; and what a submitter asks for afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock import envelope as envelopes
from penstock.broker.memory.gate import remove
from penstock.broker.memory.lot import end_item, lot_of, unlimited
from penstock.broker.memory.settling import finish, free_unique, keep_end
from penstock.broker.memory.state import Memory, QueueState, State
from penstock.broker.messages import Cancellation, Receipt, Revision, Sent, Snapshot
from penstock.envelope import Envelope
from penstock.keys import PRIORITIES, queue_of
from penstock.links import Links
from penstock.outcome import Outcome
from penstock.status import Phase

__all__ = ["MemorySubmitting"]


class MemorySubmitting:
    """See Submitting."""

    _memory: Memory

    @property
    def clock(self) -> Callable[[], float]:
        """See Submitting."""
        return self._memory.clock

    async def time(self) -> float:
        """See Submitting."""
        return self._memory.clock()

    async def send(self, messages: Sequence[Envelope]) -> list[Receipt]:
        """See Submitting."""
        return [self._send(message) for message in messages]

    def _send(self, message: Envelope) -> Receipt:
        id, memory, queue = message.id, self._memory, self._memory.queues[message.queue]
        if id in memory.tasks or memory.outcome(id) is not None:
            return Receipt(Sent.KNOWN, id)
        if message.links is not None and message.links.waits:
            return self._block(message, message.links, queue)
        if self._full(message.queue, queue):
            return Receipt(Sent.FULL, id)
        if (holder := self._take_unique(message, queue)) is not None:
            return Receipt(Sent.DUPLICATE, holder)
        now = memory.clock()
        due = max(now, message.not_before or now, now + _later(message))
        state = State(envelopes.encode(message), PRIORITIES.index(message.priority) + 1, queued_at=due)
        state.key, state.unique, state.links = message.key, message.unique, message.links
        memory.tasks[id] = state
        if due > now:
            memory.delay(id, due)
        else:
            memory.push(id, state, state.priority, free=self._free(message))
        return Receipt(Sent.QUEUED, id)

    def _free(self, message: Envelope) -> bool:
        """Whether nothing limits its start but what is decided here and now."""
        own = message.key is None and message.unique is None and message.links is None
        return own and unlimited(self._memory, message.queue)

    def _block(self, message: Envelope, links: Links, queue: QueueState) -> Receipt:
        """Lay it aside until what it waits for has come. It doesn't count against the depth before."""
        now = self._memory.clock()
        state = State(envelopes.encode(message), PRIORITIES.index(message.priority) + 1, key=message.key, links=links)
        state.waits, state.due, state.after = links.waits, message.not_before or 0.0, _later(message)
        self._memory.tasks[message.id] = state
        queue.blocked[message.id] = now
        self._memory.wake(message.queue)
        return Receipt(Sent.QUEUED, message.id)

    def _full(self, name: str, queue: QueueState) -> bool:
        limit = queue.config.limits.depth
        if limit is None:
            return False
        waiting = sum(queue_of(id) == name for id in self._memory.tasks) - len(queue.claimed) - len(queue.blocked)
        return waiting >= limit

    def _take_unique(self, message: Envelope, queue: QueueState) -> str | None:
        """Take the message's key; the id of who has it already."""
        unique, now = message.unique, self._memory.clock()
        if unique is None:
            return None
        holder, until = queue.unique.get(unique.key, ("", 0.0))
        if holder and until > now:
            return holder
        queue.unique[unique.key] = (message.id, now + unique.ttl)
        return None

    async def broadcast(self, message: Envelope) -> None:
        """See Submitting."""
        self._memory.queues[message.queue].broadcasts.append(envelopes.encode(message))
        self._memory.signal("broadcast", message.queue)

    async def wait(self, id: str) -> Outcome | None:
        """See Submitting."""
        while (state := self._memory.tasks.get(id)) is not None:
            await state.ended.wait()
        return self._memory.outcome(id)

    async def snapshots(self, ids: Sequence[str]) -> list[Snapshot | None]:
        """See Submitting."""
        return [self._snapshot(id) for id in ids]

    def _snapshot(self, id: str) -> Snapshot | None:
        state = self._memory.tasks.get(id)
        if state is not None:
            waiting = Phase.RETRYING if state.retrying else Phase.BLOCKED if state.waits else Phase.QUEUED
            phase = Phase.RUNNING if state.nonce else waiting
            return Snapshot(phase, state.attempts, state.worker, None, state.progress)
        ended = self._memory.outcome(id)
        return Snapshot(ended.phase, ended.attempts, ended.worker, ended) if ended else None

    async def cancel(self, outcome: Outcome, *, reason: str, life: float) -> tuple[Cancellation, int]:
        """See Submitting."""
        id, memory = outcome.id, self._memory
        state = memory.tasks.get(id)
        if state is None:
            return (Cancellation.FINISHED if memory.outcome(id) else Cancellation.UNKNOWN), 0
        if state.nonce:
            state.cancel = reason
            memory.signal("cancel", id)
            return Cancellation.REQUESTED, state.attempts
        keep_end(memory, outcome, state)
        remove(memory, id, state)
        finish(memory, outcome, state, life)
        lot, index = lot_of(memory, id)
        if lot is not None:
            end_item(memory, lot, index, outcome.phase, state.message)
        return Cancellation.CANCELLED, state.attempts

    async def revise(self, id: str, *, due: float | None = None, message: Envelope | None = None) -> Revision:
        """See Submitting."""
        memory, state = self._memory, self._memory.tasks.get(id)
        if state is None:
            return Revision.FINISHED if memory.outcome(id) else Revision.UNKNOWN
        if state.nonce:
            return Revision.RUNNING
        if message is not None and message.links is None and (state.links is not None or state.children):
            return Revision.LINKED
        if state.waits:
            _change(state, message)
            if due is not None:
                state.due, state.after = due, 0.0
            return Revision.REVISED
        if due is None:
            due = memory.queues[queue_of(id)].delayed.get(id, 0.0)
        remove(memory, id, state)
        state.paced = False
        _change(state, message)
        memory.wait(id, state, due, state.priority)
        return Revision.REVISED

    async def named(self, id: str) -> str:
        """See Submitting."""
        if (ended := self._memory.outcome(id)) is not None:
            return ended.task
        state = self._memory.tasks.get(id)
        return "" if state is None else envelopes.name_of(state.message)

    async def withdraw(self, id: str) -> Cancellation:
        """See Submitting."""
        memory, state = self._memory, self._memory.tasks.get(id)
        if state is None:
            return Cancellation.FINISHED if memory.outcome(id) else Cancellation.UNKNOWN
        if state.nonce:
            return Cancellation.REQUESTED
        remove(memory, id, state)
        del memory.tasks[id]
        free_unique(memory, id, state)
        state.ended.ring()
        return Cancellation.CANCELLED


def _change(state: State, message: Envelope | None) -> None:
    """Make another call of a task that is in no place."""
    if message is not None:
        state.message, state.key = envelopes.encode(message), message.key
        state.priority = PRIORITIES.index(message.priority) + 1


def _later(message: Envelope) -> float:
    """The delay that counts from when all its inputs are there."""
    later = message.links and message.links.later
    return (later and later.delay) or 0.0

"""Batches, as in `item.lua` and `batch.lua`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from penstock import envelope as envelopes
from penstock.broker.batch import CANCELLED, FAILED, NOT_SENT, QUEUED, BatchItems, BatchTerms, Hold
from penstock.broker.memory.gate import remove
from penstock.broker.memory.lot import Lot, end_item, lot_of, release_items, start_item, unlimited
from penstock.broker.memory.settling import finish
from penstock.broker.memory.state import Memory
from penstock.envelope import Envelope
from penstock.keys import item_id, item_of, queue_of
from penstock.outcome import Outcome

__all__ = ["MemoryBatching"]


class MemoryBatching:
    """See Batching."""

    _memory: Memory

    async def tend(self, terms: BatchTerms, *, create: bool) -> BatchItems | None:
        """See Batching."""
        lot = self._memory.lot(terms.id)
        if lot is None:
            if not create:
                return None
            lot = self._memory.lots[terms.id] = Lot(terms, terms.run)
        lot.terms, lot.hold = terms, terms.hold
        lot.until = self._memory.clock() + terms.life
        release_items(self._memory, lot)
        return lot.look()

    async def look(self, batch: str) -> BatchItems | None:
        """See Batching."""
        lot = self._memory.lot(batch)
        return None if lot is None else lot.look()

    async def send_items(self, messages: Sequence[Envelope]) -> int | None:
        """See Batching."""
        lot, _ = lot_of(self._memory, messages[0].id)
        if lot is None:
            return None
        for number, message in enumerate(messages):
            if not self._send_item(lot, message):
                return number
        return len(messages)

    def _send_item(self, lot: Lot, message: Envelope) -> bool:
        found = item_of(message.id)
        assert found is not None, f"{message.id} is no item of a batch"
        _, index = found
        if lot.byte(index) != NOT_SENT:
            return True
        starts = lot.may_start
        if starts and self._room(message.queue) < 1:
            return False
        lot.messages[index] = envelopes.encode(message)
        lot.mark(index, CANCELLED if lot.hold is Hold.STOPPED else QUEUED)
        if starts:
            start_item(self._memory, lot, index, free=unlimited(self._memory, message.queue))
        elif lot.hold is not Hold.STOPPED:
            lot.hold_back(index)
        return True

    def _room(self, name: str) -> float:
        queue, memory = self._memory.queues[name], self._memory
        limit = queue.config.limits.depth
        if limit is None:
            return math.inf
        waiting = sum(queue_of(id) == name for id in memory.tasks) - len(queue.claimed) - len(queue.blocked)
        return limit - waiting

    async def recall_items(self, batch: str, indexes: Sequence[int]) -> int:
        """See Batching."""
        lot = self._memory.lot(batch)
        return 0 if lot is None else sum(self._recall(lot, index) for index in indexes)

    def _recall(self, lot: Lot, index: int) -> bool:
        if not self._taken_off(lot, index):
            return False
        lot.hold_back(index)
        release_items(self._memory, lot)
        return True

    def _taken_off(self, lot: Lot, index: int) -> bool:
        """Take an item off its queue, unless it runs."""
        id, memory = item_id(lot.terms.id, index), self._memory
        state = memory.tasks.get(id)
        if state is None or state.nonce:
            return False
        remove(memory, id, state)
        del memory.tasks[id]
        lot.messages[index] = state.message
        lot.outstanding -= 1
        return True

    async def cancel_items(self, outcomes: Sequence[Outcome], *, reason: str, life: float) -> int:
        """See Batching."""
        return sum([self._cancel(outcome, reason, life) for outcome in outcomes])

    def _cancel(self, outcome: Outcome, reason: str, life: float) -> bool:
        memory = self._memory
        lot, index = lot_of(memory, outcome.id)
        if lot is None or lot.byte(index) != QUEUED:
            return False
        state = memory.tasks.get(outcome.id)
        if state is None:
            lot.waiting.discard(index)
            lot.mark(index, CANCELLED)
            memory.record(outcome, life)
            return True
        if state.nonce:
            state.cancel = reason
            memory.signal("cancel", outcome.id)
            return False
        remove(memory, outcome.id, state)
        finish(memory, outcome, state, life)
        end_item(memory, lot, index, outcome.phase, state.message)
        return True

    async def retry_items(self, batch: str, run: int, limit: int) -> bool:
        """See Batching."""
        lot = self._memory.lot(batch)
        if lot is None:
            return True
        if lot.run < run:
            lot.run, lot.retry_from, lot.failed, lot.hold = run, 0, 0, lot.terms.hold
        if lot.retry_from is None:
            return True
        again = [index for index in range(lot.retry_from, len(lot.items)) if lot.byte(index) in (FAILED, CANCELLED)]
        for index in again[:limit]:
            self._memory.forget(item_id(batch, index))
            lot.mark(index, QUEUED)
            lot.hold_back(index)
        lot.retry_from = again[limit] if len(again) > limit else None
        release_items(self._memory, lot)
        return lot.retry_from is None

    async def forget_batch(self, batch: str) -> None:
        """See Batching."""
        self._memory.lots.pop(batch, None)

"""One batch in memory and what the ends of its items do, as in `item.lua`."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from penstock.broker.batch import CANCELLED, FAILED, NOT_SENT, SUCCEEDED, BatchItems, BatchTerms, Hold
from penstock.broker.memory.state import Memory, State
from penstock.keys import PRIORITIES, item_id, item_of
from penstock.status import Phase

__all__ = ["Lot", "end_item", "lot_of", "release_items", "start_item", "unlimited"]

_BYTES = {Phase.SUCCEEDED: SUCCEEDED, Phase.CANCELLED: CANCELLED}


@dataclass
class Lot:
    """`outstanding` items are on their queue or run, the `waiting` are held back; `messages` are those of items that
    aren't on their queue. `retry_from`: where this run goes on taking up what didn't succeed before."""

    terms: BatchTerms
    run: int
    hold: Hold = Hold.NONE
    until: float = 0.0
    outstanding: int = 0
    failed: int = 0
    retry_from: int | None = None
    items: bytearray = field(default_factory=bytearray)
    waiting: set[int] = field(default_factory=set)
    line: list[int] = field(default_factory=list)  # a heap of the waiting, and of some that were taken off
    messages: dict[int, bytes] = field(default_factory=dict)

    def byte(self, index: int) -> bytes:
        """An item's."""
        return bytes(self.items[index : index + 1]) or NOT_SENT

    def mark(self, index: int, byte: bytes) -> None:
        """Note it."""
        self.items += NOT_SENT * (index + 1 - len(self.items))
        self.items[index : index + 1] = byte

    def hold_back(self, index: int) -> None:
        """Let it wait until another has ended."""
        self.waiting.add(index)
        heappush(self.line, index)

    @property
    def may_start(self) -> bool:
        """Whether another item may."""
        limit = self.terms.parallelism
        return self.hold is Hold.NONE and (limit is None or self.outstanding < limit)

    def look(self) -> BatchItems:
        """How it stands."""
        return BatchItems(bytes(self.items), len(self.waiting), self.run, self.retry_from is not None)


def lot_of(memory: Memory, id: str) -> tuple[Lot | None, int]:
    """The batch and the index of a task that is an item of one."""
    found = item_of(id)
    return (None, 0) if found is None else (memory.lot(found[0]), found[1])


def end_item(memory: Memory, lot: Lot, index: int, phase: Phase, message: bytes) -> None:
    """Count the end of an item that was on its queue, and let the next ones start."""
    lot.outstanding -= 1
    byte = _BYTES.get(phase, FAILED)
    lot.mark(index, byte)
    if byte != SUCCEEDED:
        lot.messages[index] = message
    lot.failed += byte == FAILED
    release_items(memory, lot)


def release_items(memory: Memory, lot: Lot) -> None:
    """Let those that are held back start, the lowest indexes first, as many as there is room for."""
    limit = lot.terms.max_failures
    if limit is not None and lot.failed > limit:
        lot.hold = Hold.STOPPED
    while lot.line and lot.may_start:
        index = heappop(lot.line)
        if index in lot.waiting:
            lot.waiting.discard(index)
            start_item(memory, lot, index)


def start_item(memory: Memory, lot: Lot, index: int, *, free: bool = False) -> None:
    """Put an item on its queue."""
    id = item_id(lot.terms.id, index)
    priority = PRIORITIES.index(lot.terms.priority) + 1
    state = memory.tasks[id] = State(lot.messages.pop(index), priority, queued_at=memory.clock())
    memory.push(id, state, priority, free=free)
    lot.outstanding += 1


def unlimited(memory: Memory, queue: str) -> bool:
    """Whether nothing limits what starts in a queue."""
    state = memory.queues[queue]
    limits = state.config.limits
    return not state.paused and limits.concurrency is None and limits.rate is None

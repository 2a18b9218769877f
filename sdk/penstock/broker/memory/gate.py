"""The queue's limits, as in `gate.lua`: enforced where leases are given and nowhere else."""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

from penstock.broker.memory.state import RELEASED, SUSPECT, Memory, QueueState, State
from penstock.broker.messages import Limits
from penstock.keys import queue_of

__all__ = ["Gate", "free_key", "remove", "revisit"]

LONG_SECONDS = 60.0  # until somebody opens a closed gate; a signal comes before


@dataclass
class Gate:
    """How many tasks may start (`room`), and seconds until it is worth asking again. `nonce` is this claim's."""

    memory: Memory
    name: str
    now: float
    nonce: str
    room: float = math.inf
    places: float = math.inf
    wait: float = 0.0
    started: int = 0

    @property
    def _queue(self) -> QueueState:
        return self.memory.queues[self.name]

    @property
    def _limits(self) -> Limits:
        return self._queue.config.limits

    def open(self, already_read: int) -> None:
        """Find out what may start."""
        queue = self._queue
        if queue.paused:
            self.room, self.wait = 0, LONG_SECONDS
        if self._limits.concurrency is not None:
            self.places = self._limits.concurrency - len(queue.claimed) + already_read
            self.room = min(self.room, self.places)
        if self._limits.rate and not self._limits.rate_per_key and self.room > 0:
            self._apply_rate()

    def _conforming_at(self, key: str) -> tuple[float, float]:
        """The theoretical arrival time, and that from which the next start conforms (GCRA, ITU-T I.371)."""
        arrival = max(self.now, self._queue.rate.get(key, 0.0))
        return arrival, arrival - (self._limits.burst - 1) * self._interval

    @property
    def _interval(self) -> float:
        return self._limits.period / (self._limits.rate or 1)

    def _apply_rate(self) -> None:
        _, since = self._conforming_at("")
        if since > self.now:
            self.room, self.wait = 0, since - self.now
        else:
            self.room = min(self.room, math.floor((self.now - since) / self._interval) + 1)

    def pace(self) -> tuple[int | None, float | None]:
        """How many tasks the queue's own rate lets start now, and a second from then on; None where it has none."""
        if not self._limits.rate or self._limits.rate_per_key:
            return None, None
        self._apply_rate()
        return int(self.room), 1 / self._interval

    def close(self, taken: int) -> None:
        """Count what was started against the queue's rate, and tell how long it is no use to come again."""
        if self._limits.rate and not self._limits.rate_per_key and self.started:
            arrival, _ = self._conforming_at("")
            self._queue.rate[""] = arrival + self.started * self._interval
            self.wait = max(self.wait, self._conforming_at("")[1] - self.now)
        if self.places <= taken:
            self._queue.somebody_waits, self.wait = True, LONG_SECONDS

    def holds(self, id: str, state: State) -> bool:
        """Whether a claimed task must wait for its key; if so it was laid aside."""
        if state.key is None:
            return False
        if self._limits.rate and self._limits.rate_per_key and not state.paced and self._paced(id, state, state.key):
            return True
        if self._takes_place(id, state.key):
            return False
        order = (state.priority, int(state.entry), id)
        self.memory.drop(id, state)
        insort(self._queue.gated.setdefault(state.key, []), order)
        return True

    def _takes_place(self, id: str, key: str) -> bool:
        """Whether there is a place of the key. One that was kept for the task is lost if the limit was lowered
        meanwhile, and more have one than may start."""
        holders = self._queue.holders[key]
        holders.discard(id)
        if not has_room(self._queue, key):
            return False
        holders.add(id)
        return True

    def _paced(self, id: str, state: State, key: str) -> bool:
        arrival, since = self._conforming_at(key)
        self._queue.rate[key] = arrival + self._interval
        state.paced = True
        if since > self.now:
            self.memory.drop(id, state)
            self._queue.paced[id] = since
            return True
        return False


def has_room(queue: QueueState, key: str) -> bool:
    """Whether there is a place for another task of this key."""
    most = queue.config.limits.concurrency_per_key
    return most is None or len(queue.holders[key]) < most


def free_key(memory: Memory, id: str, state: State) -> None:
    """A task gives its place back, if it has one: the next in line gets it, if the limit lets anybody start."""
    queue = memory.queues[queue_of(id)]
    if state.key is None or id not in queue.holders[state.key]:
        return
    queue.holders[state.key].discard(id)
    if state.key in queue.gated and has_room(queue, state.key):
        admit_gated(memory, queue, state.key)
    if not queue.holders[state.key]:
        del queue.holders[state.key]


def admit_gated(memory: Memory, queue: QueueState, key: str) -> None:
    """Make the first ready that waits for this key, and keep a place for it. A suspect still runs alone."""
    freed = queue.gated[key][0][2]
    state = memory.tasks[freed]
    memory.unhold(freed, state)
    queue.holders[key].add(freed)
    memory.push(freed, state, SUSPECT if state.crashes else RELEASED)


def remove(memory: Memory, id: str, state: State) -> None:
    """Take a task that doesn't run off its queue. A place that was kept for it goes to the next in line."""
    memory.unhold(id, state)
    memory.drop(id, state)
    free_key(memory, id, state)


def revisit(memory: Memory, queue: QueueState, before: Limits) -> None:
    """The limits were others `before`: look again at those that wait for them."""
    now = queue.config.limits
    if (now.rate, now.period, now.burst, now.rate_per_key) != (
        before.rate,
        before.period,
        before.burst,
        before.rate_per_key,
    ):
        queue.rate.clear()
        for id in sorted(queue.paced, key=queue.paced.__getitem__):
            state = memory.tasks[id]
            memory.unhold(id, state)
            state.paced = False
            memory.push(id, state, state.priority)
    for key in list(queue.gated):
        while key in queue.gated and has_room(queue, key):
            admit_gated(memory, queue, key)

"""The queue's limits, as in `gate.lua`: enforced where leases are given and nowhere else."""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

from penstock.broker.memory.state import RELEASED, Memory, QueueState, State
from penstock.broker.messages import Limits
from penstock.keys import queue_of

__all__ = ["Gate", "free_key"]

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
        most = self._limits.concurrency_per_key
        if most is not None and self._queue.running.get(state.key, 0) >= most:
            order = (state.priority, int(state.entry), id)
            self.memory.drop(id, state)
            insort(self._queue.gated.setdefault(state.key, []), order)
            return True
        self._queue.running[state.key] = self._queue.running.get(state.key, 0) + 1
        return False

    def _paced(self, id: str, state: State, key: str) -> bool:
        arrival, since = self._conforming_at(key)
        self._queue.rate[key] = arrival + self._interval
        state.paced = True
        if since > self.now:
            self.memory.drop(id, state)
            self.memory.delay(id, since)
            return True
        return False


def free_key(memory: Memory, id: str, state: State) -> None:
    """A running task ended, or was taken from its worker: its key has a place for the next in line."""
    if state.key is None:
        return
    queue = memory.queues[queue_of(id)]
    left = queue.running.pop(state.key, 1) - 1
    if left > 0:
        queue.running[state.key] = left
    if state.key in queue.gated:
        freed = queue.gated[state.key][0][2]
        memory.unhold(freed, memory.tasks[freed])
        memory.push(freed, memory.tasks[freed], RELEASED)

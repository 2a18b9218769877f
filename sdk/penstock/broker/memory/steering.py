"""The operator's and the command line's part of the broker in memory, as in `steer.lua`."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from penstock.broker.memory.gate import Gate, revisit
from penstock.broker.memory.memories import Memories
from penstock.broker.memory.settling import take_unique
from penstock.broker.memory.state import Memory, State
from penstock.broker.messages import DeadLetter, Depth, QueueConfig
from penstock.envelope import revived
from penstock.keys import queue_of
from penstock.outcome import Outcome

__all__ = ["MemorySteering"]


class MemorySteering:
    """See Steering."""

    _memory: Memory
    _memories: Memories

    def lead(self, lease: str, epoch: int) -> None:
        """See Steering. Nobody else sees this memory, so nobody deposes."""

    async def begin_epoch(self, queue: str) -> None:
        """See Steering."""

    async def unfinished(self, queue: str, cursor: str) -> tuple[str, list[str]]:
        """See Steering."""
        return "", [id for id in self._memory.tasks if queue_of(id) == queue]

    async def depth(self, queues: Sequence[str], *, horizon: float | Mapping[str, float] = 0.0) -> dict[str, Depth]:
        """See Steering."""
        ahead = horizon if isinstance(horizon, Mapping) else dict.fromkeys(queues, horizon)
        return {queue: self._depth(queue, ahead.get(queue, 0.0)) for queue in queues}

    def _depth(self, name: str, horizon: float) -> Depth:
        queue, now = self._memory.queues[name], self._memory.clock()
        waiting = [delivery.id for place in queue.ready.values() for delivery in place]
        queued = [state.queued_at for id in waiting if (state := self._memory.tasks.get(id))]
        times = [*queue.delayed.values(), *queue.paced.values()]
        due = sum(at <= now + horizon for at in times)
        most, (burst, rate) = queue.config.limits.concurrency, Gate(self._memory, name, now, "").pace()
        return Depth(
            len(waiting),
            len(times) - due,
            due,
            sum(map(len, queue.gated.values())),
            len(queue.claimed),
            len(queue.dead),
            len(queue.parked),
            len(queue.blocked),
            len(queue.ended),
            max(0.0, now - min(queued)) if queued else 0.0,
            dict(Counter(claim.consumer for claim in queue.claimed.values())),
            queue.paused,
            (len(queue.ready[1]), len(queue.ready[2]), len(queue.ready[3]), len(queue.ready[4])),
            queue.pushed,
            queue.settled,
            queue.ran,
            None if most is None else max(0, most - len(queue.claimed)),
            burst,
            rate,
            queue.crew.attendance(now),
        )

    async def cordon(self, queue: str, workers: Sequence[str], seconds: float) -> frozenset[str]:
        """See Steering."""
        present = self._memory.queues[queue].crew.cordon(frozenset(workers), seconds, self._memory.clock())
        self._memory.signal("cordon", queue)
        return present

    async def doze(self, queue: str) -> bool:
        """See Steering."""
        state, now = self._memory.queues[queue], self._memory.clock()
        due = any(at <= now for at in (*state.delayed.values(), *state.paced.values()))
        if due or state.claimed or state.ended or any(state.ready.values()):
            return False
        state.dozing = True
        return True

    async def wakes(self) -> AsyncGenerator[tuple[str, str], None]:
        """See Steering."""
        async with aclosing(self._memories.wakes()) as wakes:
            async for where in wakes:
                yield where

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """See Steering."""
        outbox = self._memory.queues[queue].outbox
        next_ones = dict(itertools.islice(outbox.items(), limit))
        for id in next_ones:
            outbox[id] = outbox.pop(id)  # to the end of the row
        return list(next_ones.values())

    async def clear(self, outcomes: Sequence[Outcome]) -> None:
        """See Steering."""
        for outcome in outcomes:
            outbox = self._memory.queues[queue_of(outcome.id)].outbox
            if outbox.get(outcome.id) == outcome:
                del outbox[outcome.id]

    async def configure(self, queue: str, config: QueueConfig | None) -> None:
        """See Steering."""
        state = self._memory.queues[queue]
        before, state.config = state.config.limits, config or QueueConfig()
        revisit(self._memory, state, before)
        self._memory.signal("settings", queue)

    async def config(self, queue: str) -> QueueConfig:
        """See Steering."""
        return self._memory.queues[queue].config

    async def pause(self, queue: str, paused: bool) -> None:
        """See Steering."""
        self._memory.queues[queue].paused = paused
        self._memory.signal("settings", queue)

    async def dead_letters(self, queue: str, limit: int) -> list[DeadLetter]:
        """See Steering."""
        found = itertools.islice(self._memory.queues[queue].dead.items(), limit)
        return [DeadLetter(id, since, state.message, self._memory.outcome(id)) for id, (since, state) in found]

    async def replay(self, queue: str, ids: Sequence[str]) -> int:
        """See Steering."""
        return sum(self._exhume(queue, id, replay=True) for id in ids)

    async def purge(self, queue: str, ids: Sequence[str]) -> int:
        """See Steering."""
        return sum(self._exhume(queue, id, replay=False) for id in ids)

    def _exhume(self, queue: str, id: str, *, replay: bool) -> bool:
        letter = self._memory.queues[queue].dead.pop(id, None)
        if letter is None:
            return False
        if replay:
            self._memory.forget(id)
            state = self._memory.tasks[id] = _anew(letter[1], self._memory.clock())
            take_unique(self._memory, id, state)
            self._memory.push(id, state, state.priority)
        return True


def _anew(dead: State, now: float) -> State:
    """What of a dead letter belongs to the task and not to its attempts."""
    message = revived(dead.message, now)
    lasting = State(message, dead.priority, queued_at=now, key=dead.key, unique=dead.unique, links=dead.links)
    lasting.checkpoint = dead.checkpoint
    return lasting

"""The worker's part of the broker in memory, as in `claim.lua`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from penstock.broker.cordon import Cordon
from penstock.broker.memory.gate import Gate, free_key
from penstock.broker.memory.settling import free_unique, settle, trim_dead
from penstock.broker.memory.state import RELEASED, SUSPECT, Claim, Listener, Memory, State
from penstock.broker.messages import (
    Begun,
    Claimed,
    Claimer,
    Delivery,
    Lease,
    Reclaimed,
    Renewal,
    Settlement,
    Signal,
    Verdict,
)
from penstock.keys import PRIORITIES

__all__ = ["MemoryWorking"]

SHARES = (8, 4, 2, 1)  # of a claim's budget, most urgent first; as in claim.lua
_ORDINARY = range(1, len(PRIORITIES) + 1)
_TURNS = [place for place, share in zip(_ORDINARY, SHARES, strict=True) for _ in range(share)]

LISTEN_SECONDS = 0.02  # a read under way isn't cut, and tests that stop many workers wait for one each time


class MemoryWorking:
    """See Working."""

    _memory: Memory

    async def claim(
        self, queue: str, claimer: Claimer, budget: int, *, alone: bool = False, read: Sequence[Delivery] = ()
    ) -> Claimed:
        """See Working."""
        gate = Gate(self._memory, queue, self._memory.clock(), str(self._memory.number()))
        gate.open(len(read))
        begun = [one for delivery in read if (one := self._begin_read(gate, claimer, delivery))]
        most = len(begun) + int(min(budget, gate.room))
        while taken := self._take(queue, claimer, most - len(begun), alone):
            begun += [one for delivery in taken if (one := self._begin(gate, claimer, delivery))]
            if alone and taken[0].stream == SUSPECT and begun:
                break
        gate.close(len(begun))
        return Claimed(begun, gate.wait, len(self._memory.queues[queue].ready[SUSPECT]), self._memory.clock())

    def _take(self, queue: str, claimer: Claimer, budget: int, alone: bool) -> list[Delivery]:
        """Claim: a suspect alone, else what was released, then each priority's share, then the most urgent."""
        ready = self._memory.queues[queue].ready
        if alone and ready[SUSPECT] and budget > 0:
            return self._take_from(queue, claimer, SUSPECT, 1)
        taken = self._take_from(queue, claimer, RELEASED, budget)
        if budget - len(taken) < sum(SHARES):
            taken += self._take_from(queue, claimer, self._in_turn(queue), min(1, budget - len(taken)))
        left = budget - len(taken)
        quotas = [(place, max(1, left * share // sum(SHARES))) for place, share in zip(_ORDINARY, SHARES, strict=True)]
        for place, quota in [*quotas, *((place, left) for place in _ORDINARY)]:
            taken += self._take_from(queue, claimer, place, min(quota, budget - len(taken)))
        return taken

    def _in_turn(self, queue: str) -> int:
        """Whose turn it is to have the first of few places; see claim.lua."""
        ended = self._memory.queues[queue].settled
        return _TURNS[(ended + ended // len(_TURNS)) % len(_TURNS)]

    def _take_from(self, queue: str, claimer: Claimer, place: int, most: int) -> list[Delivery]:
        state, now = self._memory.queues[queue], self._memory.clock()
        taken = [state.ready[place].popleft() for _ in range(min(most, len(state.ready[place])))]
        state.claimed |= {delivery.entry: Claim(delivery, claimer.consumer, now) for delivery in taken}
        return taken

    def _begin_read(self, gate: Gate, claimer: Claimer, delivery: Delivery) -> Begun | None:
        state = self._memory.tasks.get(delivery.id)
        if state is None or state.entry != delivery.entry:
            return None
        if gate.room < 1:
            self._memory.drop(delivery.id, state)
            self._memory.push(delivery.id, state, delivery.stream)
            return None
        gate.room -= 1
        return self._begin(gate, claimer, delivery, delivery.nonce)

    def _begin(self, gate: Gate, claimer: Claimer, delivery: Delivery, nonce: str = "") -> Begun | None:
        id, state = delivery.id, self._memory.tasks.get(delivery.id)
        if state is None or state.entry != delivery.entry or state.nonce:
            return None
        verdict = self._verdict(state, gate.name)
        if verdict is Verdict.RUN:
            if gate.holds(id, state):
                return None
            gate.started += 1
            state.attempts += 1
            state.starts += 1
            if state.unique is not None and state.unique.until == "started":
                free_unique(self._memory, id, state)
        state.nonce, state.worker, state.started_at = nonce or gate.nonce, claimer.worker, gate.now
        state.retrying, state.progress = False, None
        lease = Lease(gate.name, id, state.nonce)
        counted = (state.attempts, state.crashes, state.queued_at, gate.now)
        return Begun(lease, verdict, state.message, *counted, state.checkpoint, state.starts)

    def _verdict(self, state: State, queue: str) -> Verdict:
        if state.crashes >= self._memory.queues[queue].config.max_crashes:
            return Verdict.CRASHED
        return Verdict.CANCELLED if state.cancel else Verdict.RUN

    async def listen(self, queue: str, claimer: Claimer, wait: float) -> list[Delivery]:
        """See Working."""
        state = self._memory.queues[queue]
        if not self._readable(queue):
            await state.arrived.wait(min(wait, LISTEN_SECONDS))
        return [one for place in (RELEASED, *_ORDINARY) for one in self._take_from(queue, claimer, place, 1)]

    def _readable(self, queue: str) -> bool:
        ready = self._memory.queues[queue].ready
        return any(ready[place] for place in (RELEASED, *_ORDINARY))

    async def unclaim(self, deliveries: Sequence[Delivery]) -> None:
        """See Working."""
        for delivery in deliveries:
            state = self._memory.tasks.get(delivery.id)
            if state is not None and state.entry == delivery.entry and not state.nonce:
                self._memory.drop(delivery.id, state)
                self._memory.push(delivery.id, state, delivery.stream)

    async def reclaim(self, queue: str, claimer: Claimer, *, lease: float) -> Reclaimed:
        """See Working."""
        state, now = self._memory.queues[queue], self._memory.clock()
        stale = [claim.delivery for claim in state.claimed.values() if now - claim.renewed_at >= lease]
        for delivery in stale:
            self._abandoned(delivery)
        return Reclaimed(len(stale), len(state.ready[SUSPECT]))

    def _abandoned(self, delivery: Delivery) -> None:
        """Put back what no worker keeps."""
        id, state = delivery.id, self._memory.tasks.get(delivery.id)
        if state is None or state.entry != delivery.entry:
            self._memory.queues[delivery.queue].claimed.pop(delivery.entry, None)
            return
        self._memory.drop(id, state)
        place = delivery.stream
        if state.nonce:
            state.nonce, place = "", SUSPECT
            state.crashes += 1
            free_key(self._memory, id, state)
        self._memory.push(id, state, place)

    async def relinquish(self, queue: str, claimer: Claimer, held: Sequence[Lease]) -> int:
        """See Working."""
        kept = {lease.id: lease.nonce for lease in held}
        claimed = self._memory.queues[queue].claimed.values()
        mine = [claim.delivery for claim in claimed if claim.consumer == claimer.consumer]
        return sum(self._relinquished(delivery, kept) for delivery in mine)

    def _relinquished(self, delivery: Delivery, kept: Mapping[str, str]) -> bool:
        id, state, place = delivery.id, self._memory.tasks.get(delivery.id), delivery.stream
        if state is None or (state.nonce and kept.get(id) == state.nonce):
            return False
        self._memory.drop(id, state)
        if state.nonce:
            state.nonce, place = "", SUSPECT if state.crashes else state.priority
            state.attempts, state.starts = max(0, state.attempts - 1), max(0, state.starts - 1)
            free_key(self._memory, id, state)
        self._memory.push(id, state, place)
        return True

    def _held(self, lease: Lease) -> State | None:
        state = self._memory.tasks.get(lease.id)
        return state if state is not None and state.nonce == lease.nonce else None

    def renew(self, leases: Sequence[Lease], claimer: Claimer) -> list[Renewal]:
        """See Working."""
        return [self._renew(lease) for lease in leases]

    def _renew(self, lease: Lease) -> Renewal:
        state = self._held(lease)
        if state is None:
            return Renewal.LOST
        self._memory.queues[lease.queue].claimed[state.entry].renewed_at = self._memory.clock()
        return Renewal.CANCEL if state.cancel else Renewal.HELD

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """See Working."""
        state = self._held(lease)
        if state is not None:
            state.progress = progress
        return state is not None

    async def checkpoint(self, lease: Lease, state: bytes) -> bool:
        """See Working."""
        task = self._held(lease)
        if task is not None:
            task.checkpoint = state
        return task is not None

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Working."""
        return [settle(self._memory, settlement) for settlement in settlements]

    async def promote(self, queue: str) -> float | None:
        """See Working."""
        state, now = self._memory.queues[queue], self._memory.clock()
        waiting = sorted((state.delayed | state.paced).items(), key=lambda item: item[1])
        for id in [id for id, due in waiting if due <= now]:
            self._ready(id)
        return next((due - now for _, due in waiting if due > now), None)

    def _ready(self, id: str) -> None:
        state = self._memory.tasks[id]
        self._memory.unhold(id, state)
        self._memory.push(id, state, state.priority)

    async def parked(self, queue: str, limit: int, *, skip: int = 0) -> list[Delivery]:
        """See Working."""
        ids = list(self._memory.queues[queue].parked)[skip : skip + limit]
        return [Delivery(queue, 0, "", id, self._memory.tasks[id].message) for id in ids]

    async def unpark(self, queue: str, ids: Sequence[str]) -> None:
        """See Working."""
        for id in ids:
            if id in self._memory.queues[queue].parked:
                self._ready(id)

    async def broadcasts(self, queue: str, after: str | None) -> tuple[str, list[bytes]]:
        """See Working."""
        known = self._memory.queues[queue].broadcasts
        return str(len(known)), [] if after is None else known[int(after) :]

    async def signals(self, queues: Sequence[str]) -> AsyncGenerator[Signal, None]:
        """See Working."""
        listener = Listener(frozenset(queues))
        self._memory.listeners.add(listener)
        try:
            while True:
                while listener.heard:
                    yield listener.heard.popleft()
                await listener.bell.wait()
        finally:
            self._memory.listeners.discard(listener)

    async def attend(self, queue: str, claimer: Claimer, busy: int, *, resting: Cordon | None = None) -> Cordon | None:
        """See Working."""
        return self._memory.queues[queue].crew.attend(claimer, busy, resting, self._memory.clock())

    async def tidy(self, queue: str) -> None:
        """See Working."""
        state, now = self._memory.queues[queue], self._memory.clock()
        trim_dead(self._memory, queue)
        self._memory.expire()
        state.unique = {key: held for key, held in state.unique.items() if held[1] > now}
        state.rate = {key: arrival for key, arrival in state.rate.items() if arrival > now}

    async def leave(self, queue: str, claimer: Claimer) -> None:
        """See Working."""
        self._memory.queues[queue].crew.leave(claimer)

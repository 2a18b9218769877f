"""Tasks that wait for others, as in `link.lua`."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.broker.memory.settling import finish, keep_end
from penstock.broker.memory.state import Memory, State
from penstock.broker.messages import Delivery, Ended, Lease, Supply
from penstock.links import FAILURES_ONLY
from penstock.outcome import Outcome

__all__ = ["MemoryLinking"]


class MemoryLinking:
    """See Linking."""

    _memory: Memory

    async def supply(self, supplies: Sequence[Supply], *, life: float) -> None:
        """See Linking."""
        for one in supplies:
            state = self._memory.tasks.get(one.id)
            if state is not None and state.waits and state.links is not None:
                needed = one.number == FAILURES_ONLY or not state.links.tolerant
                if one.value is None and one.otherwise is not None and needed:
                    self._conclude(one.otherwise, state, life)
                elif one.number != FAILURES_ONLY:
                    state.inputs[one.number] = b"null" if one.value is None else one.value
                    self._unblock(one.id, state)

    def _conclude(self, outcome: Outcome, state: State, life: float) -> None:
        """End a task, for a source of it has failed."""
        keep_end(self._memory, outcome, state)
        self._memory.unhold(outcome.id, state)
        finish(self._memory, outcome, state, life)

    def _unblock(self, id: str, state: State) -> None:
        """Let it run if all that it waited for has come."""
        if len(state.inputs) != state.waits:
            return
        self._memory.unhold(id, state)
        state.waits, state.ready_at = 0, self._memory.clock()
        self._memory.wait(id, state, max(state.due, state.ready_at + state.after), state.priority)

    async def expect(self, id: str, count: int) -> bool:
        """See Linking."""
        state = self._memory.tasks.get(id)
        if state is not None and state.waits:
            state.waits = count
            if len(state.inputs) == count:
                self._unblock(id, state)
        return state is not None

    async def inputs(self, id: str) -> dict[int, bytes]:
        """See Linking."""
        state = self._memory.tasks.get(id)
        return dict(state.inputs if state is not None else {})

    async def ready_since(self, id: str) -> float | None:
        """See Linking."""
        state = self._memory.tasks.get(id)
        return None if state is None else state.ready_at

    async def adopt(self, parent: Lease, children: Sequence[str]) -> bool:
        """See Linking."""
        state = self._memory.tasks.get(parent.id)
        if state is None or state.nonce != parent.nonce:
            return False
        state.children += [child for child in children if child not in state.children]
        return True

    async def take_ended(self, queue: str, limit: int, *, patience: float) -> list[Ended]:
        """See Linking."""
        kept, now = self._memory.queues[queue].ended, self._memory.clock()
        taken = [ended for at, ended in kept.values() if at + patience <= now][:limit]
        kept |= {ended.outcome.id: (now, ended) for ended in taken}
        return taken

    async def relayed(self, queue: str, ended: Sequence[Ended]) -> None:
        """See Linking."""
        for one in ended:
            self._memory.queues[queue].ended.pop(one.outcome.id, None)

    async def blocked(self, queue: str, limit: int, *, since: float) -> list[Delivery]:
        """See Linking."""
        waiting = self._memory.queues[queue].blocked
        ids = sorted((id for id, at in waiting.items() if at <= since), key=waiting.__getitem__)[:limit]
        return [Delivery(queue, 0, "", id, self._memory.tasks[id].message) for id in ids]

    async def linger(self, queue: str, ids: Sequence[str]) -> None:
        """See Linking."""
        waiting = self._memory.queues[queue].blocked
        waiting |= {id: self._memory.clock() for id in ids if id in waiting}

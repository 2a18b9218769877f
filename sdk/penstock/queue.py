"""A queue as its owner sees it: what it holds, pausing it, and its dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from penstock.broker import Broker
from penstock.broker.messages import DeadLetter, Depth, QueueConfig

__all__ = ["Queue"]

BATCH = 500


class Queue:
    """One queue of the app's namespace."""

    def __init__(self, name: str, reach: Callable[[], Broker]) -> None:
        """`reach` gives the broker of the event loop that asks."""
        self.name = name
        self._reach = reach

    async def depth(self) -> Depth:
        """What it holds."""
        return (await self._reach().depth([self.name]))[self.name]

    async def pause(self) -> None:
        """Start no more of its tasks until `resume`. They are accepted and wait; what runs goes on. A TaskQueue
        resource of that name has the last word: set its spec.paused instead."""
        await self._reach().pause(self.name, True)

    async def resume(self) -> None:
        """Start its tasks again."""
        await self._reach().pause(self.name, False)

    async def configure(self, config: QueueConfig | None) -> None:
        """Set its limits and defaults for everybody; None: back to Penstock's. A TaskQueue resource of that name has
        the last word: on Kubernetes, use that instead."""
        await self._reach().configure(self.name, config)

    async def config(self) -> QueueConfig:
        """Its limits and defaults."""
        return await self._reach().config(self.name)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """The oldest of its dead letters, each with the reason."""
        return await self._reach().dead_letters(self.name, limit)

    async def replay(self, ids: Sequence[str] | None = None) -> int:
        """Run dead letters again from their first attempt, all unless `ids` says which. How many there were."""
        return await self._each(self._reach().replay, ids)

    async def purge(self, ids: Sequence[str] | None = None) -> int:
        """Forget dead letters, all unless `ids` says which. How many there were."""
        return await self._each(self._reach().purge, ids)

    async def _each(self, act: Callable[[str, Sequence[str]], Awaitable[int]], ids: Sequence[str] | None) -> int:
        """Do it with these dead letters, or with all that there are now: the oldest first, and none twice."""
        if ids is not None:
            return sum([await act(self.name, ids[at : at + BATCH]) for at in range(0, len(ids), BATCH)])
        done, total = 0, (await self.depth()).dead
        while done < total and (some := await self.dead_letters(min(BATCH, total - done))):
            done += await act(self.name, [letter.id for letter in some])
        return done

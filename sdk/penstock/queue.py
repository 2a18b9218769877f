"""A queue as its owner sees it: what it holds, pausing it, and its dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from penstock import limits
from penstock.bounds import refused
from penstock.broker import Broker
from penstock.broker.messages import DeadLetter, Depth, Limits, QueueConfig
from penstock.retry import checked_policy

__all__ = ["Queue"]

ALL = 1_000_000
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
        the last word: on Kubernetes, use that instead. Raises ConfigurationError for what can't be."""
        await self._reach().configure(self.name, None if config is None else _checked(config))

    async def config(self) -> QueueConfig:
        """Its limits and defaults."""
        return await self._reach().config(self.name)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """The oldest of its dead letters, each with the reason."""
        return await self._reach().dead_letters(self.name, limit)

    async def replay(self, ids: Sequence[str] | None = None) -> int:
        """Run dead letters again from their first attempt, all unless `ids` says which. How many there were."""
        chosen = await self._all() if ids is None else list(ids)
        return sum([await self._reach().replay(self.name, some) for some in _batches(chosen)])

    async def purge(self, ids: Sequence[str] | None = None) -> int:
        """Forget dead letters, all unless `ids` says which. How many there were."""
        chosen = await self._all() if ids is None else list(ids)
        return sum([await self._reach().purge(self.name, some) for some in _batches(chosen)])

    async def _all(self) -> list[str]:
        return [letter.id for letter in await self._reach().dead_letters(self.name, ALL)]


def _checked(config: object) -> QueueConfig:
    """The settings, with their numbers as Penstock keeps them."""
    if not isinstance(config, QueueConfig):
        raise refused("configure", "config", config, "use a QueueConfig, such as QueueConfig(limits=Limits(rate=10))")
    if not isinstance(config.limits, Limits):
        raise refused("QueueConfig", "limits", config.limits, "use Limits, such as Limits(rate=10)")
    return structs.replace(
        limits.checked_struct("QueueConfig", limits.QUEUE_CONFIG, config),
        limits=limits.checked_struct("Limits", limits.QUEUE_LIMITS, config.limits),
        retry=None if config.retry is None else checked_policy("QueueConfig", config.retry),
    )


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + BATCH] for first in range(0, len(ids), BATCH)]

"""A queue for its owner: its depth, pause and resume, its limits, its dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec import structs

from penstock import limits
from penstock.bounds import refused
from penstock.broker import Broker
from penstock.broker.messages import DeadLetter, Depth, Limits, QueueConfig
from penstock.retry import checked_policy

__all__ = ["Queue"]

BATCH = 500


class Queue:
    """One queue of the app's namespace."""

    def __init__(self, name: str, reach: Callable[[], Broker]) -> None:
        """`reach` returns the broker of the current event loop."""
        self.name = name
        self._reach = reach

    async def depth(self) -> Depth:
        """The number of tasks in each state."""
        return (await self._reach().depth([self.name]))[self.name]

    async def pause(self) -> None:
        """Start no more tasks of the queue until `resume`. New tasks are accepted and wait. Running tasks continue.

        If there is a TaskQueue resource of that name, set its spec.paused instead: the operator overrides this setting.
        """
        await self._reach().pause(self.name, True)

    async def resume(self) -> None:
        """Start tasks of the queue again."""
        await self._reach().pause(self.name, False)

    async def configure(self, config: QueueConfig | None) -> None:
        """Set its limits and defaults for everybody; None: back to Penstock's. A TaskQueue resource of that name has
        the last word: on Kubernetes, use that instead. Raises ConfigurationError for what can't be."""
        await self._reach().configure(self.name, None if config is None else _checked(config))

    async def config(self) -> QueueConfig:
        """The limits and defaults of the queue."""
        return await self._reach().config(self.name)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """The oldest dead letters, with their reasons. At most `limit`."""
        return await self._reach().dead_letters(self.name, limit)

    async def replay(self, ids: Sequence[str] | None = None) -> int:
        """Run dead letters again from their first attempt: those in `ids`, or all. Returns how many."""
        return await self._each(self._reach().replay, ids)

    async def purge(self, ids: Sequence[str] | None = None) -> int:
        """Delete dead letters: those in `ids`, or all. Returns how many."""
        return await self._each(self._reach().purge, ids)

    async def _each(self, act: Callable[[str, Sequence[str]], Awaitable[int]], ids: Sequence[str] | None) -> int:
        """Do it with these dead letters, or with all that there are now: the oldest first, and none twice."""
        if ids is not None:
            return sum([await act(self.name, ids[at : at + BATCH]) for at in range(0, len(ids), BATCH)])
        done, total = 0, (await self.depth()).dead
        while done < total and (some := await self.dead_letters(min(BATCH, total - done))):
            done += await act(self.name, [letter.id for letter in some])
        return done


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

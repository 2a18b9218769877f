"""Who waits for whom in a sandbox: tasks that wait for others, and tests that wait for what nobody runs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from penstock.errors import ConfigurationError
from penstock.family import running
from penstock.handle import Change, Source, TaskStatus
from penstock.outcome import Outcome
from penstock.stopping import stopped

__all__ = ["Watched"]

LOOK_SECONDS = 0.5
LOOKED_SECONDS = 0.05  # whoever has asked for a status so lately is about to ask again


class Watched:
    """A sandbox's Source. `idle`: whether nothing runs there, and nobody drains it."""

    def __init__(self, source: Source, idle: Callable[[], Awaitable[bool]]) -> None:
        self.portal = source.portal
        self.codec = source.codec
        self._source = source
        self._idle = idle
        self._waits: Counter[str] = Counter()  # by the ids of running tasks
        self._looked: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """How many running tasks wait for other tasks now."""
        since = time.monotonic() - LOOKED_SECONDS
        looked = {id for id, at in self._looked.items() if at > since}
        return len(looked | {id for id, count in self._waits.items() if count})

    async def status(self, id: str) -> TaskStatus:
        """See Source."""
        if (lease := running.get()) is not None:
            self._looked[lease.id] = time.monotonic()
        return await self._source.status(id)

    async def wait(self, id: str) -> Outcome | None:
        """See Source. Raises ConfigurationError for a test that waits for what nothing will run."""
        if (lease := running.get()) is not None:
            with self._counted(lease.id):
                return await self._source.wait(id)
        ending = asyncio.create_task(self._source.wait(id))
        try:
            await self._ended(id, ending)
            return ending.result()
        finally:
            if not ending.done():
                await stopped(ending)

    @contextmanager
    def _counted(self, id: str) -> Iterator[None]:
        self._waits[id] += 1
        try:
            yield
        finally:
            self._waits[id] -= 1

    async def _ended(self, id: str, ending: asyncio.Task[Outcome | None]) -> None:
        looks = 0
        while not (await asyncio.wait([ending], timeout=LOOK_SECONDS))[0]:
            looks = looks + 1 if await self._idle() else 0
            if looks == 2:
                raise ConfigurationError(
                    f"{id} waits, and nothing runs in a sandbox until the test says so: `await box.drain()` before you "
                    "await a result, or use sandbox(app, eager=True)"
                )

    async def cancel(self, id: str) -> bool:
        """See Source."""
        return await self._source.cancel(id)

    async def revise(self, id: str, change: Change) -> bool:
        """See Source."""
        return await self._source.revise(id, change)

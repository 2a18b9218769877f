"""An app whose tasks count their own runs, and a worker of it on a real Redis."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock import Handle, Penstock, SubmissionError
from penstock.errors import NotConnected
from penstock.task import AsyncTask
from penstock.worker import Settings, Worker
from tests.waiting import wait_for

PAUSE = 0.02  # of a submitter whom Redis doesn't answer


class Shop:
    """`nap` sleeps. `runs` counts how often each of them was started, `alive` how many run now."""

    def __init__(self, url: str, namespace: str = "test") -> None:
        self.app = Penstock("shop", url=url, namespace=namespace)
        self.runs: Counter[int] = Counter()
        self.alive: Counter[int] = Counter()
        self.most_alive = 0  # of the same task at the same time

        @self.app.task
        async def nap(number: int, seconds: float = 0.0) -> int:
            self.runs[number] += 1
            self.alive[number] += 1
            self.most_alive = max(self.most_alive, self.alive[number])
            try:
                await asyncio.sleep(seconds)
            finally:
                self.alive[number] -= 1
            return number

        self.nap: AsyncTask[..., int] = nap

    @asynccontextmanager
    async def working(self, workers: int = 1, *, concurrency: int = 8, lease: float = 1.0) -> AsyncIterator[None]:
        """So many workers, while the block lasts."""
        async with asyncio.TaskGroup() as group:
            ended = asyncio.Event()
            started = [asyncio.Event() for _ in range(workers)]
            for number, event in enumerate(started):
                group.create_task(self._work(f"worker-{number}", concurrency, lease, event, ended))
            try:
                for event in started:
                    await event.wait()
                yield
            finally:
                ended.set()

    async def _work(
        self, name: str, concurrency: int, lease: float, started: asyncio.Event, ended: asyncio.Event
    ) -> None:
        settings = Settings(["shop"], concurrency, lease, drain_seconds=5, name=name, consumer=name)
        broker = self.app.broker()
        async with Worker(self.app.definitions, broker, settings):
            started.set()
            await ended.wait()
        await broker.close()

    async def sent(self, number: int, seconds: float = 0.0) -> Handle[int]:
        """Enqueued for sure: for as long as Redis doesn't answer, it is tried again, as another task."""
        while True:
            try:
                return await self.nap.enqueue(number, seconds)
            except SubmissionError:
                await asyncio.sleep(PAUSE)

    async def started(self, count: int) -> None:
        """Return when so many different tasks have been started."""

        async def enough() -> bool:
            return len(self.runs) >= count

        await wait_for(enough, f"{count} tasks to start")

    async def drained(self) -> None:
        """Return when the queue holds nothing."""

        async def empty() -> bool:
            try:
                return (await self.app.queue().depth()).backlog == 0
            except SubmissionError:
                return False

        await wait_for(empty, "the queue to be empty")


async def results(handles: list[Handle[int]]) -> list[int]:
    """What became of them, asked again for as long as Redis doesn't answer."""
    async with asyncio.timeout(40):
        return [await _result(handle) for handle in handles]


async def _result(handle: Handle[int]) -> int:
    while True:
        try:
            return await handle.result()
        except NotConnected:
            await asyncio.sleep(PAUSE)

"""An app with a few tasks on two queues, to make flows of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from penstock import Handle, Penstock, Snooze
from penstock.worker import Settings, Worker
from tests.waiting import wait_for

__all__ = ["Kitchen"]


class Kitchen:
    """`ran` tells what was run; `wait` waits for the gate."""

    def __init__(self, app: Penstock) -> None:
        self.app = app
        self.ran: list[object] = []
        self.gate = asyncio.Event()
        self.children: list[Handle[int]] = []
        self._sums()
        self._troubles()
        self._family()

    def _sums(self) -> None:
        @self.app.task
        async def add(a: int, b: int = 0) -> int:
            self.ran.append(("add", a, b))
            return a + b

        @self.app.task(queue="oven")
        def double(value: int) -> int:
            self.ran.append(("double", value))
            return value * 2

        @self.app.task
        async def total(values: Sequence[int | None]) -> int:
            return sum(value or 0 for value in values)

        @self.app.task(queue="oven")
        async def upto(count: int) -> list[int]:
            return list(range(count))

        @self.app.task
        async def give(value: Any) -> Any:
            return value

        self.add, self.double, self.total, self.upto, self.give = add, double, total, upto, give

    def _troubles(self) -> None:
        @self.app.task(max_attempts=1)
        async def fail(value: object = None) -> int:
            raise ValueError(f"no {value}")

        @self.app.task
        async def second_time(value: int) -> int:
            self.ran.append(("try", value))
            if self.ran.count(("try", value)) == 1:
                raise Snooze(0.01)
            return value

        @self.app.task
        async def note(text: str) -> str:
            self.ran.append(text)
            return text

        @self.app.task(expires=0.4)
        async def fresh(value: int) -> int:
            return value

        self.fail, self.second_time, self.note, self.fresh = fail, second_time, note, fresh

    def _family(self) -> None:
        @self.app.task
        async def wait(value: object = None) -> int:
            self.ran.append("wait")
            await self.gate.wait()
            return 1

        @self.app.task(max_attempts=1)
        async def parent(fail: bool = False) -> list[int]:
            mine, later = wait.options(child=True), 0 if self.gate.is_set() else 60
            self.children = [await mine.enqueue(1), await mine.options(delay=later).enqueue(2)]
            self.children += await self.app.enqueue_many([mine.s(3), mine.s(4)])
            if fail:
                raise ValueError("the parent")
            return await self.app.gather(self.children)

        self.wait, self.parent = wait, parent

    @asynccontextmanager
    async def worker(self, concurrency: int = 16) -> AsyncIterator[None]:
        """One for both queues."""
        settings = Settings(["kitchen", "oven"], concurrency, lease_seconds=1.0, drain_seconds=1)
        broker = self.app.broker()
        async with Worker(self.app.definitions, broker, settings):
            yield
        await broker.close()

    async def has(self, what: object) -> bool:
        """Whether it was run."""
        return what in self.ran

    async def nothing_left(self) -> None:
        """Return when nothing waits or runs."""

        async def empty() -> bool:
            depths = [await self.app.queue(name).depth() for name in ("kitchen", "oven")]
            return not any(depth.backlog + depth.blocked + depth.delayed for depth in depths)

        await wait_for(empty, "the queues to be empty")

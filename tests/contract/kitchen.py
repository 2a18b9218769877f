"""An app with a few tasks on two queues, to make flows of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from penstock import Handle, Penstock, RetryPolicy, Snooze, TaskContext
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

        @self.app.task(retry=RetryPolicy(3, 0.01, maximum=0.01))
        async def stubborn(work: str, context: TaskContext = TaskContext()) -> list[int]:
            """Enqueues three children in each of its three attempts; two of them by equal calls."""
            mine = getattr(self, work).options(child=True, queue="oven")
            self.children += [await mine.enqueue(1), *await self.app.enqueue_many([mine.s(2), mine.s(1)])]
            results = await self.app.gather(self.children[-3:]) if context.attempt != 2 else []
            if context.attempt < 3:
                raise ValueError(f"attempt {context.attempt}")
            return results

        @self.app.task(retry=RetryPolicy(3, 0.01, maximum=0.01))
        def threaded(context: TaskContext = TaskContext()) -> list[str]:
            found = [self.add.options(child=True).enqueue_sync(1) for _ in range(2)]
            if context.attempt < 3:
                raise ValueError("once more")
            return [handle.id for handle in found]

        @self.app.task(max_attempts=1)
        async def third_time(value: int) -> int:
            self.ran.append(("third", value))
            if self.ran.count(("third", value)) < 3:
                raise ValueError("not yet")
            return value

        self.wait, self.parent, self.stubborn = wait, parent, stubborn
        self.threaded, self.third_time = threaded, third_time

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

    async def has_children(self) -> bool:
        """Whether the parent has enqueued all of them."""
        return len(self.children) == 4

    async def nothing_left(self) -> None:
        """Return when nothing waits or runs."""

        async def empty() -> bool:
            depths = [await self.app.queue(name).depth() for name in ("kitchen", "oven")]
            return not any(depth.backlog + depth.blocked + depth.delayed for depth in depths)

        await wait_for(empty, "the queues to be empty")

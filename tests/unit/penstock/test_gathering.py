from __future__ import annotations

import asyncio

import pytest

from penstock import Handle, Penstock, Phase, ResultTimeout, TaskFailed
from penstock.testing import worker


class Doors:
    """An app with a task that ends when its door is opened."""

    def __init__(self) -> None:
        self.app = Penstock("shop", url="memory://", namespace="test")
        self.open = [asyncio.Event() for _ in range(3)]

        @self.app.task(max_attempts=1)
        async def wait(door: int) -> int:
            await self.open[door].wait()
            if door == 2:
                raise ValueError("the third is broken")
            return door

        self.wait = wait

    async def handles(self, count: int) -> list[Handle[int]]:
        return await self.app.enqueue_many(self.wait.s(door) for door in range(count))


@pytest.fixture
async def doors() -> Doors:
    return Doors()


async def test_handles_come_as_their_tasks_end_however_that_is(doors: Doors) -> None:
    async with worker(doors.app):
        handles, found = await doors.handles(3), list[int]()
        doors.open[2].set()
        async for handle in doors.app.as_completed(handles, timeout=5):
            found.append(handles.index(handle))
            for event in doors.open[: 3 - len(found)][-1:]:
                event.set()
    assert found == [2, 1, 0]


async def test_results_come_in_the_handles_order(doors: Doors) -> None:
    async with worker(doors.app):
        handles = await doors.handles(2)
        for event in reversed(doors.open):
            event.set()
        assert await doors.app.gather(handles, timeout=5) == [0, 1]


async def test_the_first_failure_is_raised_when_all_have_ended(doors: Doors) -> None:
    async with worker(doors.app):
        handles = await doors.handles(3)
        for event in doors.open:
            event.set()
        with pytest.raises(TaskFailed, match="the third is broken"):
            await doors.app.gather(handles, timeout=5)
        assert [await handle.wait() for handle in handles] == [Phase.SUCCEEDED, Phase.SUCCEEDED, Phase.DEAD_LETTERED]


async def test_which_is_the_first_says_the_order_of_the_handles(doors: Doors) -> None:
    async with worker(doors.app):
        failed = await doors.app.enqueue_many([doors.wait.s(2), doors.wait.s(2)])
        doors.open[2].set()
        with pytest.raises(TaskFailed, match=failed[0].id):
            await doors.app.gather(failed, timeout=5)


async def test_patience_ends_with_how_many_go_on(doors: Doors) -> None:
    async with worker(doors.app):
        handles = await doors.handles(2)
        doors.open[0].set()
        with pytest.raises(ResultTimeout, match=r"1 of 2 tasks have no result after 0\.1 s"):
            await doors.app.gather(handles, timeout=0.1)
        doors.open[1].set()


async def test_nothing_is_gathered_from_nothing(doors: Doors) -> None:
    assert await doors.app.gather([]) == []

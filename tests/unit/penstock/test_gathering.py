from __future__ import annotations

import asyncio

import pytest

from penstock import (
    ConfigurationError,
    Handle,
    Penstock,
    Phase,
    ResultExpired,
    ResultTimeout,
    SubmissionError,
    TaskFailed,
    TaskStatus,
)
from penstock.gathering import as_completed, gather
from penstock.handle import Change
from penstock.outcome import Outcome
from penstock.portal import Portal
from penstock.testing import worker
from tests.waiting import wait_for


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


class Away:
    """A broker that goes away while tasks are waited for."""

    def __init__(self, error: Exception) -> None:
        self.portal = Portal()
        self.codec = None
        self.error = error

    async def status(self, id: str) -> TaskStatus:
        raise self.error

    async def wait(self, id: str) -> Outcome | None:
        await asyncio.sleep(0)
        raise self.error

    async def cancel(self, id: str) -> bool:
        raise self.error

    async def revise(self, id: str, change: Change) -> bool:
        raise self.error


async def test_what_was_not_awaited_to_its_end_does_not_come_as_ended() -> None:
    source, before = Away(SubmissionError("the broker is away")), asyncio.all_tasks()
    handles = [Handle[int](f"shop.{number}", source) for number in range(3)]
    with pytest.raises(SubmissionError, match="the broker is away"):
        await anext(as_completed(handles, None))
    with pytest.raises(SubmissionError, match="the broker is away"):
        await gather(handles, None)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_what_nobody_knows_any_more_comes_at_once() -> None:
    handle = Handle[int]("shop.1", Away(ResultExpired("gone")))
    assert [found async for found in as_completed([handle], None)] == [handle]


async def test_a_cancelled_gather_leaves_nothing_behind(doors: Doors) -> None:
    async with worker(doors.app):
        handles, before = await doors.handles(2), asyncio.all_tasks()
        gathering = asyncio.create_task(doors.app.gather(handles))

        async def awaited() -> bool:
            return len(asyncio.all_tasks() - before) >= 3

        await wait_for(awaited, "both to be awaited")
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering
        assert not [task for task in asyncio.all_tasks() - before if "wait" in repr(task.get_coro())]
        for event in doors.open:
            event.set()


@pytest.mark.parametrize("timeout", [-1, float("nan")])
async def test_odd_timeouts_are_refused(doors: Doors, timeout: float) -> None:
    with pytest.raises(ConfigurationError, match=r"gather\(timeout=.*use 0 or more seconds"):
        await doors.app.gather([], timeout)
    with pytest.raises(ConfigurationError, match=r"as_completed\(timeout=.*use 0 or more seconds"):
        await anext(doors.app.as_completed([], timeout))

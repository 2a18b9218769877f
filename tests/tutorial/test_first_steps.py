"""The first steps with Penstock, as a newcomer would take them. Needs neither Redis nor a cluster."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.waiting import wait_for

from penstock import (
    ConfigurationError,
    Penstock,
    Phase,
    ResultTimeout,
    Retry,
    TaskCancelled,
    TaskContext,
    TaskFailed,
    TaskTimedOut,
)
from penstock.testing import worker


@pytest.fixture
def app() -> Penstock:
    return Penstock("shop", url="memory://")


async def test_a_function_becomes_a_task(app: Penstock) -> None:
    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    assert await add(1, 2) == 3  # still a plain function
    async with worker(app):
        handle = await add.enqueue(1, b=2)
        assert await handle.result(timeout=5) == 3
        assert (await handle.status()).phase is Phase.SUCCEEDED


async def test_sync_functions_run_in_threads(app: Penstock) -> None:
    @app.task
    def where() -> str:
        return threading.current_thread().name

    async with worker(app):
        assert (await (await where.enqueue()).result(timeout=5)).startswith("penstock-task")


async def test_wrong_arguments_are_refused_before_anything_is_sent(app: Penstock) -> None:
    @app.task
    async def greet(name: str) -> None: ...

    with pytest.raises(TypeError, match=r"shop\.greet.*unexpected keyword argument 'nmae'"):
        await greet.enqueue("Ada", nmae="Ada")  # type: ignore[call-arg]  # the point of the test


async def test_a_failing_task_is_retried(app: Penstock) -> None:
    tries: list[int] = []

    @app.task(max_attempts=3)
    async def flaky(context: TaskContext = TaskContext()) -> int:
        tries.append(context.attempt)
        if context.attempt < 3:
            raise Retry(delay=0.01)
        return context.attempt

    async with worker(app):
        assert await (await flaky.enqueue()).result(timeout=5) == 3
    assert tries == [1, 2, 3]


async def test_a_task_that_fails_for_good_tells_why(app: Penstock) -> None:
    @app.task(max_attempts=1)
    async def broken() -> None:
        raise ValueError("no such account")

    async with worker(app):
        handle = await broken.enqueue()
        with pytest.raises(TaskFailed, match="ValueError: no such account") as failure:
            await handle.result(timeout=5)
        assert "in broken" in failure.value.traceback
        assert (await handle.status()).phase is Phase.DEAD_LETTERED


async def test_many_at_once(app: Penstock) -> None:
    @app.task
    async def square(n: int) -> int:
        return n * n

    async with worker(app):
        handles = await app.enqueue_many(square.s(n) for n in range(100))
        assert [await handle.result(timeout=5) for handle in handles] == [n * n for n in range(100)]


async def test_a_running_task_can_be_cancelled(app: Penstock) -> None:
    started = asyncio.Event()

    @app.task
    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    async with worker(app):
        handle = await endless.enqueue()
        await asyncio.wait_for(started.wait(), 5)
        assert await handle.cancel()
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=5)


async def test_a_waiting_task_can_be_cancelled(app: Penstock) -> None:
    @app.task
    async def later() -> None: ...

    handle = await later.options(delay=3600).enqueue()
    assert await handle.cancel()
    assert (await handle.status()).phase is Phase.CANCELLED
    assert not await handle.cancel()


async def test_an_attempt_has_a_timeout(app: Penstock) -> None:
    @app.task(timeout=0.05, max_attempts=1)
    async def slow() -> None:
        await asyncio.Event().wait()

    async with worker(app):
        with pytest.raises(TaskTimedOut, match=r"longer than 0\.05 s"):
            await (await slow.enqueue()).result(timeout=5)


async def test_the_caller_may_lose_patience(app: Penstock) -> None:
    @app.task
    async def nobody_runs_this() -> None: ...

    handle = await nobody_runs_this.enqueue()
    with pytest.raises(ResultTimeout):
        await handle.result(timeout=0.01)


async def test_what_cannot_run_is_handed_back(app: Penstock) -> None:
    release = asyncio.Event()

    @app.task
    async def long(context: TaskContext = TaskContext()) -> int:
        await release.wait()
        return context.attempt

    async with worker(app, drain_seconds=0.05):
        handle = await long.enqueue()

        async def running() -> bool:
            return (await handle.status()).phase is Phase.RUNNING

        await wait_for(running, "the task to run")
    assert (await handle.status()).phase is Phase.QUEUED
    release.set()
    async with worker(app):
        assert await handle.result(timeout=5) == 1  # handing back cost no attempt


def test_sync_code_submits_too(app: Penstock) -> None:
    @app.task
    async def greet(name: str) -> str:
        return f"hello {name}"

    assert greet.delay("Ada").id.startswith("shop.")


async def test_a_sync_call_inside_a_loop_says_what_to_use(app: Penstock) -> None:
    @app.task
    async def greet() -> None: ...

    with pytest.raises(ConfigurationError, match="await"):
        greet.enqueue_sync()


def test_options_that_cannot_be(app: Penstock) -> None:
    @app.task
    async def greet() -> None: ...

    with pytest.raises(ConfigurationError, match="timeout=0"):
        greet.options(timeout=0)


def test_an_app_may_be_used_from_one_loop_after_another(app: Penstock) -> None:
    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async def once() -> int:
        async with worker(app):
            await asyncio.sleep(0)  # the worker is idle and waits
            return await (await add.enqueue(1, 2)).result(timeout=5)

    assert [asyncio.run(once()), asyncio.run(once())] == [3, 3]


async def test_a_task_that_nobody_knows_waits_for_a_worker_that_does(app: Penstock) -> None:
    newer = Penstock("shop", url="memory://")
    newer.connections.__dict__["_memory"] = app.broker()  # two versions of the code on one broker

    @newer.task
    async def added_later() -> str:
        return "done"

    async with worker(app):
        handle = await added_later.enqueue()

        async def parked() -> bool:
            return (await app.broker().depth(["shop"]))["shop"].parked == 1

        await wait_for(parked, "the old worker to park it")
    async with worker(newer):
        assert await handle.result(timeout=5) == "done"

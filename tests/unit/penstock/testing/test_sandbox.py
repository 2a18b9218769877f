from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from penstock import ConfigurationError, Penstock, Phase, ResultTimeout
from penstock.testing import Sandbox, sandbox, worker

app = Penstock("shop", url="redis://redis.example:6379/0")
ran: list[str] = []


@app.task
async def double(x: int) -> int:
    return 2 * x


@app.task
async def parent(delay: float) -> int:
    """Waits for a child that is delayed."""
    handle = await double.options(delay=delay).enqueue(21)
    return await handle.result()


@app.task
def parent_in_a_thread(delay: float) -> int:
    return double.options(delay=delay).enqueue_sync(21).result_sync()


@app.task
async def polling_parent(delay: float) -> str:
    handle = await double.options(delay=delay).enqueue(21)
    while not (status := await handle.status()).phase.terminal:  # noqa: ASYNC110  # as some do
        await asyncio.sleep(0.1)
    return status.phase


@app.task(max_attempts=1)
async def working(seconds: float) -> None:
    await asyncio.sleep(seconds)
    ran.append("working")


@app.task(max_attempts=1)
def working_in_a_thread(seconds: float) -> None:
    time.sleep(seconds)
    ran.append("working")


@app.task
async def later() -> None:
    ran.append("later")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    ran.clear()
    with sandbox(app) as box:
        yield box


@pytest.fixture
def eager() -> Iterator[Sandbox]:
    ran.clear()
    with sandbox(app, eager=True) as box:
        yield box


async def test_a_forgotten_drain_is_an_error_and_not_a_hang(box: Sandbox) -> None:
    handle = await double.enqueue(1)
    for wait in (handle.result, handle.wait):
        with pytest.raises(ConfigurationError, match=rf"{handle.id} waits, .*`await box\.drain\(\)` before"):
            await wait()
    with pytest.raises(ResultTimeout):
        await handle.result(timeout=0.1)
    with pytest.raises(ConfigurationError, match="nothing runs in a sandbox until"):
        await app.gather([handle])
    with pytest.raises(ConfigurationError, match="nothing runs in a sandbox until"):
        async for _ in handle.stream():
            pass


def test_sync_code_is_told_likewise(box: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="nothing runs in a sandbox until"):
        double.enqueue_sync(1).result_sync()


async def test_a_result_may_be_awaited_while_somebody_drains(box: Sandbox) -> None:
    await working.enqueue(1.2)
    handle = await double.options(delay=60).enqueue(21)
    _, result = await asyncio.gather(box.drain(), handle.result())
    assert result == 42


async def test_a_worker_in_a_sandbox_is_waited_for(box: Sandbox) -> None:
    async with worker(app):
        handle = await working.enqueue(1.2)
        assert await handle.wait() is Phase.SUCCEEDED


@pytest.mark.parametrize("work", [working, working_in_a_thread])
async def test_the_clock_does_not_jump_past_what_really_works(box: Sandbox, work: Callable[..., object]) -> None:
    handle = await work.options(deadline=60).enqueue(0.3)  # type: ignore[attr-defined]  # both are tasks
    await later.options(delay=1800).enqueue()
    await box.drain()
    assert ran == ["working", "later"]
    assert await handle.wait() is Phase.SUCCEEDED


@pytest.mark.parametrize("task", [parent, parent_in_a_thread, polling_parent])
async def test_it_jumps_where_all_that_runs_waits_for_others(box: Sandbox, task: Callable[..., object]) -> None:
    handle = await task.enqueue(3600)  # type: ignore[attr-defined]  # all are tasks
    await box.drain()
    assert await handle.wait() is Phase.SUCCEEDED


async def test_a_parent_that_waits_does_not_hide_one_that_works(box: Sandbox) -> None:
    await parent.enqueue(3600)
    await working.options(deadline=60).enqueue(0.3)
    await later.options(delay=1800).enqueue()
    await box.drain()
    assert ran == ["working", "later"]


async def test_a_drain_that_does_not_end_says_what_is_in_the_way(box: Sandbox) -> None:
    await working.enqueue(60)
    await later.options(delay=60).enqueue()
    with pytest.raises(TimeoutError, match=r"drain\(timeout=0\.3\): 1 tasks still run and 1 are delayed"):
        await box.drain(timeout=0.3)


async def test_eager_runs_it_before_any_of_many_callers_goes_on(eager: Sandbox) -> None:
    async def call(number: int) -> Phase:
        handle = await double.enqueue(number)
        return (await handle.status()).phase

    assert await asyncio.gather(*map(call, range(30))) == [Phase.SUCCEEDED] * 30


async def test_eager_runs_what_comes_while_it_runs(eager: Sandbox) -> None:
    async def call(seconds: float) -> Phase:
        await asyncio.sleep(seconds)
        handle = await working.enqueue(0.1)
        return (await handle.status()).phase

    assert await asyncio.gather(*(call(number / 50) for number in range(10))) == [Phase.SUCCEEDED] * 10


@pytest.mark.parametrize("task", [parent, parent_in_a_thread])
async def test_eager_parents_may_wait_for_their_children(eager: Sandbox, task: Callable[..., object]) -> None:
    handle = await task.enqueue(3600)  # type: ignore[attr-defined]  # both are tasks
    assert await handle.result(timeout=0) == 42


def test_eager_serves_sync_code(eager: Sandbox) -> None:
    assert double.enqueue_sync(21).result_sync(timeout=0) == 42

"""Following what was submitted: from async code, from sync code, one task or many, with their progress."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from penstock import ConfigurationError, Penstock, Phase, TaskContext
from penstock.testing import worker

app = Penstock("shop", url="memory://", namespace="test")


@app.task
async def resize(pictures: int, context: TaskContext = TaskContext()) -> int:
    for done in range(pictures):
        context.progress(100 * done / pictures, f"{done} of {pictures}")
        await asyncio.sleep(0.1)
    return pictures


@app.task
async def double(n: int) -> int:
    return 2 * n


async def test_results_as_they_come() -> None:
    async with worker(app):
        handles = await app.enqueue_many(double.s(n) for n in range(10))
        found = [await handle.result() async for handle in app.as_completed(handles, timeout=5)]
        assert sorted(found) == await app.gather(handles) == [2 * n for n in range(10)]


async def test_progress_as_it_is_made() -> None:
    async with worker(app):
        handle = await resize.enqueue(25)  # what is over within a second needs no progress, and tells none
        seen = [status async for status in handle.stream(interval=0.02)]
    assert seen[-1].phase is Phase.SUCCEEDED
    told = [status.percent for status in seen if status.percent is not None]
    assert told
    assert told == sorted(told)


@app.task
async def imports(context: TaskContext = TaskContext()) -> str:
    context.progress(40, "importing", data={"rows": 2, "bad": ["row 7"]})
    await asyncio.sleep(0.6)
    context.progress("40 %")  # type: ignore[arg-type]  # it mustn't fail the task
    return "done"


async def test_progress_has_a_structured_part_and_fails_nothing() -> None:
    async with worker(app):
        handle = await imports.enqueue()
        seen = [status async for status in handle.stream(interval=0.02)]
        assert await handle.result() == "done"
    assert {"rows": 2, "bad": ["row 7"]} in [status.data for status in seen]


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """A worker in another thread, as it would be in another process."""
    stop, ready = asyncio.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        async with worker(app):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    ready.wait(10)
    yield
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(10)


def test_a_plain_script_has_the_same_verbs(elsewhere: None) -> None:
    handle = double.enqueue_sync(21)
    assert handle.result_sync(timeout=5) == 42
    assert (handle.wait_sync(), handle.status_sync().phase) == (Phase.SUCCEEDED, Phase.SUCCEEDED)
    handles = app.enqueue_many_sync(double.s(n) for n in range(3))
    assert app.run(app.gather(handles, timeout=5)) == [0, 2, 4]
    assert app.run(app.queue().depth()).backlog == 0
    assert not handle.cancel_sync()  # too late


async def test_where_an_event_loop_runs_they_say_what_to_use_instead() -> None:
    handle = await double.enqueue(1)
    with pytest.raises(ConfigurationError, match=r"use await handle\.result\(\)"):
        handle.result_sync()
    await handle.cancel()

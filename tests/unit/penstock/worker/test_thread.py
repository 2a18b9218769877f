from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import copy_context

import pytest

from penstock.worker.pool import Pool
from penstock.worker.thread import Thread


@pytest.fixture
def thread() -> Iterator[Thread]:
    with Pool(1) as pool:
        yield Thread(pool)


async def test_it_gives_what_the_function_returns(thread: Thread) -> None:
    assert await thread.run(copy_context(), threading.current_thread) is not threading.current_thread()
    assert not thread.busy


@pytest.mark.parametrize(
    "kind", [ValueError, StopAsyncIteration, GeneratorExit, KeyboardInterrupt, SystemExit], ids=str
)
async def test_and_raises_what_it_raises(thread: Thread, kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        await thread.run(copy_context(), fail)


async def test_even_what_a_future_cannot_carry(thread: Thread) -> None:
    with pytest.raises(RuntimeError, match="coroutine raised StopIteration"):
        await asyncio.wait_for(thread.run(copy_context(), lambda: next(iter(()))), 5)


async def test_it_is_busy_until_the_function_returns_whoever_waits(thread: Thread) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go_on.wait(10)

    waiting = asyncio.create_task(thread.run(copy_context(), slow))
    assert await asyncio.to_thread(began.wait, 5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert thread.busy
    ending = asyncio.create_task(thread.ended())
    await asyncio.sleep(0)
    assert not ending.done()
    go_on.set()
    await asyncio.wait_for(ending, 5)
    assert not thread.busy

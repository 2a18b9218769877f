from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar, copy_context

import pytest

from penstock.worker.hop import Hop
from penstock.worker.pool import Pool

variable: ContextVar[str] = ContextVar("variable", default="")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(4) as pool:
        yield pool


def one() -> int:
    return 1


async def test_many_come_back_with_few_wake_ups(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the loop: those that end while it is busy are told together."""
    loop, woken = asyncio.get_running_loop(), 0
    tell = loop.call_soon_threadsafe

    def counting(*args: object, **kwargs: object) -> object:
        nonlocal woken
        woken += 1
        return tell(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", counting)
    hops = [Hop(copy_context(), one) for _ in range(100)]
    for hop in hops:
        hop()
    assert await asyncio.gather(*(hop.result() for hop in hops)) == [1] * 100
    assert woken == 1


async def test_it_runs_in_the_given_context(pool: Pool) -> None:
    context = copy_context()
    context.run(variable.set, "there")
    hop = Hop(context, variable.get)
    pool.take(hop)
    assert await asyncio.wait_for(hop.result(), 5) == "there"
    assert variable.get() == ""


async def test_what_is_withdrawn_before_a_thread_begins_it_never_runs() -> None:
    ran: list[int] = []
    hop = Hop(copy_context(), lambda: ran.append(1))
    waiting = asyncio.create_task(hop.result())
    await asyncio.sleep(0)
    ending = asyncio.create_task(hop.ended())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait_for(ending, 5)
    hop()
    hop.give_up(RuntimeError("late"))
    assert (hop.over, ran) == (True, [])


async def test_what_a_thread_has_begun_is_over_when_it_ends(pool: Pool) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go_on.wait(10)

    hop = Hop(copy_context(), slow)
    pool.take(hop)
    waiting = asyncio.create_task(hop.result())
    ending = asyncio.create_task(hop.ended())
    assert await asyncio.to_thread(began.wait, 5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not hop.over
    assert not ending.done()
    go_on.set()
    await asyncio.wait_for(ending, 5)
    assert hop.over


async def test_who_waits_hears_that_it_cannot_be_done() -> None:
    hop = Hop(copy_context(), one)
    hop.give_up(RuntimeError("no thread"))
    with pytest.raises(RuntimeError, match="no thread"):
        await asyncio.wait_for(hop.result(), 5)


def test_what_ends_after_its_loop_is_nobodys_affair() -> None:
    async def begun() -> Hop[int]:
        return Hop(copy_context(), one)

    hop = asyncio.run(begun())
    hop()
    assert hop.over


def test_a_loop_that_is_over_is_collected() -> None:
    async def done() -> weakref.ref[asyncio.AbstractEventLoop]:
        hop = Hop(copy_context(), one)
        hop()
        await hop.result()
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(done())
    gc.collect()
    assert loop() is None

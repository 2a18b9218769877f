"""Changing one's mind: calls that are put off, replaced or drawn together, and tasks that go on where they stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import ConfigurationError, Penstock, Phase, Retry, Snooze, TaskContext, TaskFailed
from penstock.testing import Sandbox

app = Penstock("shop", url="memory://")
indexed: list[str] = []


@app.task
async def index(text: str) -> str:
    indexed.append(text)
    return text


@app.task
async def copy_rows(count: int, context: TaskContext = TaskContext()) -> list[int]:
    done = context.saved or []
    for row in range(len(done), count):
        done = [*done, row * 10 + context.attempt]
        await context.checkpoint(done)
        if row == 1 and context.attempt == 1:
            raise Retry(5)
    return done


@app.task
def copy_in_a_thread(context: TaskContext = TaskContext()) -> int:
    if context.saved is None:
        context.checkpoint_sync({"at": 7})
        raise Snooze(5)
    return int(context.saved["at"])


@app.task(max_attempts=1)
async def hoard(context: TaskContext = TaskContext()) -> None:
    await context.checkpoint("x" * 70_000)


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    indexed.clear()
    return penstock_sandbox(app)


async def test_a_waiting_task_is_put_off_or_brought_forward(box: Sandbox) -> None:
    handle = await index.options(delay=60).enqueue("a")
    assert await handle.reschedule(delay=3600)
    box.clock.advance(61)
    await box.drain(advance=False)
    assert (await handle.status()).phase is Phase.QUEUED
    assert await handle.reschedule(at=datetime.fromtimestamp(box.clock.now, UTC) + timedelta(seconds=5))
    box.clock.advance(6)
    await box.drain(advance=False)
    assert await handle.wait() is Phase.SUCCEEDED
    assert not await handle.reschedule(delay=1)
    with pytest.raises(ConfigurationError, match="either delay= or at="):
        await handle.reschedule()


async def test_a_waiting_task_is_replaced_by_another_call(box: Sandbox) -> None:
    handle = await index.options(delay=60).enqueue("a")
    assert await handle.replace(index.s("b"))
    await box.drain()
    assert await handle.result() == "b"
    assert indexed == ["b"]
    with pytest.raises(ConfigurationError, match="can't be taken by a call for queue 'other'"):
        await handle.replace(index.options(queue="other").s("c"))


async def test_calls_that_come_close_together_are_one(box: Sandbox) -> None:
    """The last one's arguments, so many seconds after it."""
    typing = index.options(key="document-7", debounce=2)
    first = await typing.enqueue("P")
    box.clock.advance(1.5)
    await box.drain(advance=False)
    second = await typing.enqueue("Pen")
    assert second.id == first.id
    box.clock.advance(1.5)
    await box.drain(advance=False)
    assert indexed == []
    [third] = await app.enqueue_many([typing.s("Penstock")])
    await box.drain()
    assert (await third.result(), indexed) == ("Penstock", ["Penstock"])
    later = await typing.enqueue("Penstocks")
    await box.drain()
    assert (later.id != first.id, indexed) == (True, ["Penstock", "Penstocks"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"debounce": 2}, "say with key= which calls are the same"),
        ({"debounce": 0, "key": "k"}, "use more than 0 seconds"),
        ({"debounce": 2, "key": "k", "delay": 1}, "debounce is a delay, keep one"),
    ],
)
def test_a_debounce_needs_a_key_and_is_the_delay(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        index.options(**options)


async def test_an_attempt_goes_on_where_the_last_one_stopped(box: Sandbox) -> None:
    handle = await copy_rows.enqueue(4)
    await box.drain()
    assert await handle.result() == [1, 11, 22, 32]


async def test_in_a_thread_too(box: Sandbox) -> None:
    handle = await copy_in_a_thread.enqueue()
    await box.drain()
    assert await handle.result() == 7


async def test_a_checkpoint_is_a_place_and_no_store(box: Sandbox) -> None:
    handle = await hoard.enqueue()
    await box.drain()
    with pytest.raises(TaskFailed, match="a checkpoint of 70002 bytes: keep less than 65536"):
        await handle.result()


async def test_called_as_a_function_nothing_is_kept() -> None:
    assert await copy_rows(1) == [1]

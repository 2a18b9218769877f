"""Tasks that say that they are well, and such as fall silent."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from penstock import ConfigurationError, Penstock, TaskContext, TaskTimedOut, tasklog
from penstock.testing import worker

app = Penstock("shop", url="memory://")
never = threading.Event()


@app.task(heartbeat=0.3, max_attempts=1)
async def long(rounds: int, context: TaskContext = TaskContext()) -> int:
    for _ in range(rounds):
        await asyncio.sleep(0.1)
        context.heartbeat()
    return rounds


@app.task(heartbeat=0.3, max_attempts=1)
def long_in_a_thread(rounds: int, context: TaskContext = TaskContext()) -> int:
    for number in range(rounds):
        time.sleep(0.1)
        context.progress(100 * number / rounds)
    return rounds


@app.task(heartbeat=0.2, max_attempts=1)
async def silent(context: TaskContext = TaskContext()) -> None:
    context.heartbeat()
    await asyncio.sleep(60)


@app.task
async def talkative() -> None:
    logging.getLogger("shop").warning("teapots are out")
    await asyncio.to_thread(logging.getLogger("shop").warning, "samovars, too")


@pytest.mark.parametrize("task", [long, long_in_a_thread])
async def test_a_task_may_take_long_as_long_as_it_says_something(task: object) -> None:
    async with worker(app):
        assert await (await task.enqueue(6)).result(timeout=10) == 6  # type: ignore[attr-defined]  # either task


async def test_a_task_that_falls_silent_is_stopped() -> None:
    async with worker(app):
        handle = await silent.enqueue()
        with pytest.raises(TaskTimedOut, match=r"HeartbeatMissed: it said nothing for 0\.2 s"):
            await handle.result(timeout=10)


def test_it_is_a_positive_number() -> None:
    with pytest.raises(ConfigurationError, match="heartbeat=0\\): use more than 0 seconds"):
        app.task(name="x", heartbeat=0)(len)


async def test_its_log_lines_tell_which_task_they_are_of(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    tasklog.configure("WARNING")
    async with worker(app):
        handle = await talkative.enqueue()
        await handle.result(timeout=10)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("shop ")[2] for line in lines] == [
        f"teapots are out [{handle.id}]",
        f"samovars, too [{handle.id}]",
    ]

"""Code that goes on though it was stopped: its task ends all the same, and it keeps its place until it returns."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from penstock import Depends, Handle, Penstock, Phase, TaskContext
from penstock import hooks as hooks_module
from penstock.testing import worker
from penstock.worker import Worker
from penstock.worker import attempt as attempt_module
from penstock.worker import runner as runner_module
from tests.waiting import wait_for

GRACE = 0.05
PATIENCE = 20.0


@pytest.fixture(params=["memory", "streams"])
async def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Penstock]:
    monkeypatch.setattr(attempt_module, "GRACE_SECONDS", GRACE)
    monkeypatch.setattr(attempt_module, "HAND_BACK_GRACE_SECONDS", GRACE)
    monkeypatch.setattr(runner_module, "HAND_BACK_SECONDS", 0.5)
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    app = Penstock("deaf", url=url, namespace=f"test-{uuid.uuid4().hex[:8]}")
    yield app
    await app.close()


class Gate:
    """What stubborn code waits for. It says when it has begun."""

    def __init__(self) -> None:
        self.began, self.open = threading.Event(), threading.Event()

    async def swallow(self) -> str:
        """Go on whatever happens."""
        self.began.set()
        while not self.open.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        return "late"

    def block(self) -> str:
        """The same in a thread."""
        self.began.set()
        self.open.wait(PATIENCE)
        return "late"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def swallowing(gate: Gate) -> Callable[..., Any]:
    async def task() -> str:
        return await gate.swallow()

    return task


def blocking(gate: Gate) -> Callable[..., Any]:
    def task() -> str:
        return gate.block()

    return task


def needing_a_blocking_value(gate: Gate) -> Callable[..., Any]:
    def value() -> str:
        return gate.block()

    async def task(value: str = Depends(value)) -> str:
        return value

    return task


def needing_a_blocking_generator(gate: Gate) -> Callable[..., Any]:
    def value() -> Iterator[str]:
        yield gate.block()

    async def task(value: str = Depends(value)) -> str:
        return value

    return task


def needing_one_that_cleans_up_for_long(gate: Gate) -> Callable[..., Any]:
    async def value() -> AsyncIterator[str]:
        yield "value"
        await gate.swallow()

    async def task(value: str = Depends(value)) -> str:
        return value

    return task


STUBBORN = [
    swallowing,
    blocking,
    needing_a_blocking_value,
    needing_a_blocking_generator,
    needing_one_that_cleans_up_for_long,
]
stubborn = pytest.mark.parametrize("kind", STUBBORN)
Kind = Callable[[Gate], Callable[..., Any]]


async def free(worker: Worker) -> None:
    async def vacant() -> bool:
        return not worker.busy and not worker.slots.busy

    await wait_for(vacant, "its place to be free")


async def began(gate: Gate) -> None:
    async def running() -> bool:
        return gate.began.is_set()

    await wait_for(running, "it to begin")


async def it_keeps_its_place(app: Penstock, worker: Worker, handle: Handle[Any], gate: Gate) -> None:
    """Until it returns; what it says then counts no more, and the worker goes on."""
    assert worker.slots.busy == 1
    before = await handle.status()
    gate.open.set()
    await free(worker)
    assert await handle.status() == before

    @app.task
    async def next_one() -> int:
        return 1

    assert await (await next_one.enqueue()).result(PATIENCE) == 1


@stubborn
async def test_its_time_runs_out_all_the_same(app: Penstock, gate: Gate, kind: Kind) -> None:
    task = app.task(name="stubborn", max_attempts=1, timeout=0.1)(kind(gate))
    async with worker(app, concurrency=2) as running:
        handle = await task.enqueue()
        assert await handle.wait(PATIENCE) is Phase.DEAD_LETTERED
        failure = (await handle.status()).failure
        assert failure is not None
        assert failure.type == "TimedOut"
        await it_keeps_its_place(app, running, handle, gate)


@stubborn
async def test_it_is_cancelled_all_the_same(app: Penstock, gate: Gate, kind: Kind) -> None:
    task = app.task(name="stubborn")(kind(gate))
    async with worker(app, concurrency=2) as running:
        handle = await task.enqueue()
        await began(gate)
        await handle.cancel()
        assert await handle.wait(PATIENCE) is Phase.CANCELLED
        await it_keeps_its_place(app, running, handle, gate)


@stubborn
async def test_it_is_handed_back_all_the_same(app: Penstock, gate: Gate, kind: Kind) -> None:
    task = app.task(name="stubborn")(kind(gate))
    async with worker(app, drain_seconds=0.1):
        handle = await task.enqueue()
        await began(gate)
    status = await handle.status()
    assert (status.phase, status.attempts) == (Phase.QUEUED, 0)


async def test_the_next_attempt_may_run_beside_it(app: Penstock, gate: Gate) -> None:
    @app.task(name="stubborn", max_attempts=2, timeout=0.5)
    async def task(context: TaskContext = TaskContext()) -> str:
        return await gate.swallow() if context.attempt == 1 else "in time"

    async with worker(app, concurrency=2) as running:
        assert await (await task.options(max_attempts=2).enqueue()).result(PATIENCE) == "in time"

        async def one_is_left() -> bool:
            return running.slots.busy == 1

        await wait_for(one_is_left, "the second attempt's place to be free, and only that")
        gate.open.set()
        await free(running)


async def test_it_is_named(app: Penstock, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    task = app.task(name="stubborn", max_attempts=1, timeout=0.1)(swallowing(gate))
    async with worker(app, concurrency=2):
        handle = await task.enqueue()
        await handle.wait(PATIENCE)
        gate.open.set()
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line for line in lines if line.startswith(f"stubborn {handle.id} goes on though it was stopped")]
    assert len([line for line in lines if "TimedOut" in line]) == 1


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError], ids=str)
async def test_what_an_asyncio_task_of_it_raises_is_its_own_failure(app: Penstock, kind: type[BaseException]) -> None:
    async def part() -> None:
        await asyncio.sleep(0.01)
        raise kind

    @app.task(max_attempts=1)
    async def alone() -> None:
        await asyncio.create_task(part())

    @app.task(max_attempts=1)
    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(part())
            group.create_task(asyncio.Event().wait())

    @app.task(max_attempts=1)
    async def in_a_future() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(kind())
        await future

    @app.task
    async def beside() -> int:
        await asyncio.sleep(0.05)
        return 1

    async with worker(app) as running:
        handles = [await alone.enqueue(), await grouped.enqueue(), await in_a_future.enqueue()]
        well = await beside.enqueue()
        assert [await handle.wait(PATIENCE) for handle in handles] == [Phase.DEAD_LETTERED] * 3
        assert await well.result(PATIENCE) == 1
        await free(running)


async def test_a_hook_that_never_returns_holds_nothing_up(
    app: Penstock, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks_module, "PATIENCE_SECONDS", 0.05)

    @app.after
    async def endless(context: TaskContext, result: object) -> None:
        await asyncio.Event().wait()

    @app.task
    async def task() -> int:
        return 1

    async with worker(app) as running:
        assert await (await task.enqueue()).result(PATIENCE) == 1
        await free(running)


async def test_broadcasts_take_no_threads_of_tasks(app: Penstock, gate: Gate) -> None:
    """A task's timeout would pass while it waits for one."""

    @app.task(broadcast=True)
    def shout() -> None:
        gate.block()

    @app.task(max_attempts=1, timeout=5)
    def plain() -> str:
        return "done"

    async with worker(app, concurrency=1):
        await shout.enqueue()
        await wait_for(_begun(gate), "the broadcast to begin")
        assert await (await plain.enqueue()).result(timeout=PATIENCE) == "done"
        gate.open.set()


async def test_tasks_take_no_threads_of_broadcasts(app: Penstock, gate: Gate) -> None:
    heard = threading.Event()

    @app.task(broadcast=True)
    def shout() -> None:
        heard.set()

    @app.task
    def holds() -> str:
        return gate.block()

    async with worker(app, concurrency=1):
        held = await holds.enqueue()
        await wait_for(_begun(gate), "the task to begin")
        await shout.enqueue()
        assert await asyncio.to_thread(heard.wait, PATIENCE)
        gate.open.set()
        assert await held.result(timeout=PATIENCE) == "late"


def _begun(gate: Gate) -> Callable[[], Any]:
    async def begun() -> bool:
        return gate.began.is_set()

    return begun

"""What a task does to its worker's process harms neither that nor other tasks."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import Handle, Penstock, TaskFailed
from tests.contract import hostile
from tests.contract.test_leaving import Worker
from tests.waiting import outlast

Run = Callable[..., Worker]


@pytest.fixture
def run(redis_url: str, tmp_path: Path) -> Iterator[Run]:
    """Starts workers, which are killed in the end."""
    started: list[Worker] = []

    def start(*options: str, **more: str) -> Worker:
        log = tmp_path / f"log-{uuid.uuid4().hex[:6]}"
        started.append(Worker(redis_url, log, *options, app="tests.contract.hostile:app", **more))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(10)


class Caller:
    """Calls the hostile app's tasks by their names."""

    def __init__(self, worker: Worker) -> None:
        self.app = Penstock("hostile", url=worker.app.url, namespace=worker.namespace)
        for task in hostile.app.tasks.values():
            self.app.task(name=task.definition.name)(task.definition.function)

    async def call(self, name: str, *args: object) -> Handle[Any]:
        handle: Handle[Any] = await self.app.tasks[f"hostile.{name}"].enqueue(*args)
        return handle

    async def result(self, name: str, *args: object) -> Any:
        return await (await self.call(name, *args)).result(timeout=30)


@pytest.mark.parametrize("name", ["cancels_itself", "cancels_itself_when_cleaning_up"])
async def test_who_cancels_itself_has_failed(run: Run, name: str) -> None:
    caller = Caller(run("--lease-seconds", "1"))
    assert await caller.result("quick", 1) == 1  # from now on the worker is idle, and starts tasks early
    for _ in range(5):
        with pytest.raises(TaskFailed, match="CancelledError"):
            await caller.result(name)
    assert await caller.result("quick", 2) == 2
    await caller.app.close()


async def test_who_is_cancelled_after_it_has_returned_has_succeeded(run: Run) -> None:
    caller = Caller(run("--lease-seconds", "1"))
    assert await caller.result("quick", 1) == 1
    assert [await caller.result("cancels_itself_later") for _ in range(5)] == [1] * 5
    await caller.app.close()


@pytest.mark.parametrize("way", ["returns", "raises", "exits"])
@pytest.mark.parametrize("name", ["forks", "forks_in_a_thread", "forks_apart"])
async def test_who_forks_is_one_task_all_the_same(run: Run, name: str, way: str) -> None:
    worker = run("--concurrency", "4")
    caller = Caller(worker)
    assert [await caller.result(name, way) for _ in range(3)] == ["parent"] * 3
    assert [await caller.result("apart", f"{n}") for n in range(6)] == [f"{n}" for n in range(6)]
    assert [await caller.result("quick", n) for n in range(20)] == [*range(20)]
    assert worker.ended(signal.SIGTERM) < 10
    assert worker.process.returncode == 0
    await caller.app.close()


async def test_a_forked_child_that_awaits_is_no_second_worker(run: Run) -> None:
    caller = Caller(run())
    assert [await caller.result("forks_and_awaits") for _ in range(3)] == ["parent"] * 3
    assert [await caller.result("quick", n) for n in range(20)] == [*range(20)]
    await caller.app.close()


@pytest.mark.parametrize("what", ["Cause", "Nameless"])
async def test_an_exception_that_cannot_be_shown_is_a_failure(run: Run, what: str) -> None:
    caller = Caller(run())
    with pytest.raises(TaskFailed):
        await caller.result("raises", what)
    assert await caller.result("quick", 1) == 1
    await caller.app.close()


async def test_closed_streams_keep_nobody_from_failing_nor_the_worker_from_leaving(run: Run) -> None:
    worker = run()
    caller = Caller(worker)
    assert await caller.result("closes_its_streams") == 1
    with pytest.raises(TaskFailed, match="no such user"):
        await caller.result("fails")
    assert worker.ended(signal.SIGTERM) < 10
    assert worker.process.returncode == 0
    await caller.app.close()


async def test_a_stopped_loop_goes_on(run: Run) -> None:
    worker = run()
    caller = Caller(worker)
    assert await caller.result("stops_the_loop") == 1
    assert await caller.result("quick", 1) == 1
    assert "a task has stopped the event loop" in worker.log
    await caller.app.close()


async def test_impatient_sockets_end_no_process(run: Run) -> None:
    worker = run(SOCKETS="impatient")
    caller = Caller(worker)
    assert await caller.result("apart", "a") == "a"
    outlast(1.0, "the default timeout of sockets")
    assert await caller.result("apart", "b") == "b"
    assert "WorkerCrashed" not in worker.log
    await caller.app.close()


async def test_who_has_just_begun_may_have_children(run: Run) -> None:
    caller = Caller(run())
    assert await caller.result("quick", 1) == 1
    assert [await caller.result("parent", 2) for _ in range(10)] == [8] * 10
    await caller.app.close()

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock import Depends, Penstock, Retry, Task, TaskFailed, UnknownTask, group
from penstock.testing import inline

app = Penstock("shop", url="redis://127.0.0.1:1/0")  # nothing listens there


@app.task
def where(n: int = 0) -> tuple[int, int]:
    return n, threading.get_ident()


@app.task
def parent(n: int) -> int:
    handle = child.delay(n)
    assert handle.status_sync().phase == "Succeeded"
    return handle.result_sync(timeout=5) + 1


@app.task
def child(n: int) -> int:
    return n + 1


@app.task(max_attempts=1)
def slow() -> None:
    signal.raise_signal(signal.SIGINT)  # somebody has enough of it, and presses Ctrl-C


@app.task(max_attempts=1)
def parent_of_slow() -> None:
    slow.delay()


@app.task(max_attempts=3)
def broken() -> None:
    raise ValueError("no such user")


@app.task
async def asynchronous(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


@app.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(run_in="process")
def apart() -> int:
    return threading.get_ident()


def session() -> Iterator[int]:
    yield threading.get_ident()


@app.task
def with_session(thread: int = Depends(session)) -> int:
    return thread


@app.task(max_attempts=5)
def asks_for_another(attempts: list[int]) -> int:
    _tries.append(1)
    if len(_tries) < 3:
        raise Retry(delay=3600)
    return len(_tries)


_tries: list[int] = []


@app.task
def enqueues_itself(n: int) -> None:
    if n:
        enqueues_itself.options(key="only").delay(n - 1)


@pytest.fixture
def inlined() -> Iterator[None]:
    with inline(app):
        yield


@pytest.mark.usefixtures("inlined")
class TestSync:
    def test_functions_and_dependencies_run_in_the_callers_thread(self) -> None:
        here = threading.get_ident()
        assert where.delay(4).result_sync() == (4, here)
        assert apart.enqueue_sync().result_sync() == here
        assert with_session.enqueue_sync().result_sync() == here
        assert [h.result_sync() for h in app.enqueue_many_sync(where.s(n) for n in range(3))] == [
            (n, here) for n in range(3)
        ]

    def test_a_call_has_ended_when_it_returns(self) -> None:
        assert parent.delay(1).status_sync().phase == "Succeeded"
        assert asynchronous.delay(1).status_sync().phase == "Succeeded"

    def test_delays_and_retries_take_no_time(self) -> None:
        _tries.clear()
        assert asks_for_another.options(delay=86400).delay([]).result_sync() == 3
        assert child.options(queue="elsewhere", delay=60).delay(1).result_sync() == 2

    def test_a_failure_is_the_tasks(self) -> None:
        handle = broken.delay()
        status = handle.status_sync()
        assert (status.phase, status.attempts) == ("DeadLettered", 3)
        with pytest.raises(TaskFailed, match="no such user"):
            handle.result_sync()

    @pytest.mark.parametrize("task", [slow, parent_of_slow], ids=["a task", "a task's task"])
    def test_ctrl_c_ends_the_caller_too(self, task: Task[[], None]) -> None:
        with pytest.raises(KeyboardInterrupt):
            task.delay()
        assert where.delay(3).result_sync(timeout=5)[0] == 3

    def test_flows(self) -> None:
        assert (group(child.s(1), child.s(2)) | total).enqueue_sync().result_sync() == 5

    def test_a_task_that_enqueues_itself_under_its_key(self) -> None:
        enqueues_itself.options(key="only").delay(3)

    def test_each_threads_tasks_run_there(self) -> None:
        def own(n: int) -> bool:
            return apart.delay().result_sync() == threading.get_ident() and parent.delay(n).result_sync() == n + 2

        with ThreadPoolExecutor(20) as threads:
            assert all(threads.map(own, range(40)))

    def test_task_resources_are_run_too(self) -> None:
        assert child.options(resource=True).delay(1).result_sync() == 2


def test_the_error_itself_is_raised_by_choice() -> None:
    with inline(app, raise_errors=True):
        with pytest.raises(ValueError, match="no such user"):
            broken.delay()
        _tries.clear()
        assert asks_for_another.delay([]).result_sync() == 3


def test_afterwards_all_is_as_before(penstock_inline: Callable[[Penstock], None]) -> None:
    connections, extensions = app.connections, app.extensions
    with inline(app):
        handle = child.delay(1)
    assert app.connections is connections
    assert app.extensions is extensions
    penstock_inline(app)
    with pytest.raises(UnknownTask):
        app.handle(handle.id).status_sync()


async def test_async_callers() -> None:
    with inline(app):
        assert await (await parent.enqueue(1)).result() == 3
        assert await (await asynchronous.enqueue(1)).result() == 2
        assert (await child.enqueue_blocking(1).status()).phase == "Succeeded"

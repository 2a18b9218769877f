"""What a task needs beside its arguments: dependencies, the app's lifespan, hooks and middlewares."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from tests.waiting import wait_for

from penstock import (
    BadArgument,
    Depends,
    Failure,
    Handle,
    Middleware,
    Penstock,
    Phase,
    Retry,
    TaskCancelled,
    TaskContext,
    TaskFailed,
    TaskTimedOut,
)
from penstock.envelope import Envelope
from penstock.submission import Signature
from penstock.testing import worker


class Outbox:
    """Stands for a mail server."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = 0

    async def connection(self) -> AsyncIterator[Outbox]:
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1


outbox = Outbox()


@pytest.fixture
def app() -> Penstock:
    outbox.sent.clear()
    return Penstock("shop", url="memory://", namespace="test")


# --- arguments --------------------------------------------------------------------------------------------------------


class Order(BaseModel):
    number: int
    due: date


@dataclass
class Receipt:
    order: Order
    total: float


async def test_arguments_and_results_are_what_their_annotations_say(app: Penstock) -> None:
    @app.task
    async def charge(order: Order, rates: dict[str, float]) -> Receipt:
        assert isinstance(order, Order)
        return Receipt(order, sum(rates.values()))

    order = Order(number=7, due=date(2027, 1, 1))
    async with app, worker(app):
        handle = await charge.enqueue(order, rates={"a": 1.5, "b": 2})
        assert await handle.result(timeout=5) == Receipt(order, 3.5)


async def test_what_an_annotation_refuses_is_not_sent(app: Penstock) -> None:
    @app.task
    async def charge(amount: float) -> None: ...

    with pytest.raises(BadArgument, match=r"shop\.charge: amount: Input should be a valid number"):
        await charge.enqueue("a lot")  # type: ignore[arg-type]  # a type checker sees it, too
    assert (await app.queue().depth()).backlog == 0


async def test_what_a_worker_cannot_convert_becomes_a_dead_letter(app: Penstock) -> None:
    """As it comes from `kubectl apply`, which knows no annotations."""

    @app.task
    async def charge(amount: float) -> None: ...

    envelope = Envelope(
        id="shop.1", task="shop.charge", queue="shop", payload=b'[["a lot"],{}]', created_at=time.time()
    )
    await app.broker().send([envelope])
    handle = app.handle("shop.1")
    async with worker(app):
        with pytest.raises(TaskFailed, match=r"BadArgument: shop\.charge: amount: Input should be a valid number"):
            await handle.result(timeout=5)
    assert (await handle.status()).phase is Phase.DEAD_LETTERED


# --- dependencies -----------------------------------------------------------------------------------------------------


async def test_a_dependency_is_made_for_the_task_and_cleaned_up_after_it(app: Penstock) -> None:
    @app.task
    async def welcome(user: int, outbox: Outbox = Depends(outbox.connection)) -> int:
        outbox.sent.append(f"welcome, {user}")
        return outbox.open

    async with worker(app):
        handle = await welcome.enqueue(42)  # nobody submits the outbox
        assert await handle.result(timeout=5) == 1
    assert (outbox.sent, outbox.open) == (["welcome, 42"], 0)


@pytest.mark.parametrize("ending", ["fails", "times out", "is cancelled"])
async def test_it_is_cleaned_up_however_the_task_ends(app: Penstock, ending: str) -> None:
    started = asyncio.Event()

    @app.task(max_attempts=1, timeout=0.1 if ending == "times out" else 10)
    async def send(outbox: Annotated[Outbox, Depends(outbox.connection)]) -> None:
        started.set()
        assert outbox.open == 1
        if ending == "fails":
            raise ValueError("no such address")
        await asyncio.sleep(60)

    expected = {"fails": TaskFailed, "times out": TaskTimedOut, "is cancelled": TaskCancelled}[ending]
    async with worker(app):
        handle = await send.enqueue()  # type: ignore[call-arg]  # with Annotated, type checkers want it from the caller
        await started.wait()
        if ending == "is cancelled":
            await handle.cancel()
        with pytest.raises(expected):
            await handle.result(timeout=5)
        assert outbox.open == 0


async def test_a_sync_task_keeps_its_dependencies_for_as_long_as_its_thread_runs(app: Penstock) -> None:
    """A thread can't be stopped: what it uses stays, though the task has long timed out."""
    events: list[str] = []

    def file() -> Iterator[list[str]]:
        try:
            yield events
        finally:
            events.append("closed")

    @app.task(max_attempts=1, timeout=0.05)
    def write(context: TaskContext, file: list[str] = Depends(file)) -> None:
        while not context.cancelled:
            pass
        file.append("written")

    async with worker(app):
        handle = await write.enqueue()  # type: ignore[call-arg]  # a context without a default is wanted from callers
        with pytest.raises(TaskTimedOut):
            await handle.result(timeout=5)

        async def closed() -> bool:
            return bool(events) and events[-1] == "closed"

        await wait_for(closed, "the file to be closed")
    assert events == ["written", "closed"]


def pid() -> Iterator[int]:
    yield os.getpid()


process_app = Penstock("apart", url="memory://", namespace="test")


@process_app.task(run_in="process")
def apart(due: date, maker: int = Depends(pid)) -> list[object]:
    return [due.year, maker == os.getpid(), maker]


async def test_a_process_makes_its_own() -> None:
    async with worker(process_app):
        year, same, child = await (await apart.enqueue(date(2027, 1, 1))).result(timeout=20)
    assert (year, same) == (2027, True)
    assert child != os.getpid()


async def test_tests_put_others_in_their_place(app: Penstock) -> None:
    @app.task
    async def welcome(outbox: Outbox = Depends(outbox.connection)) -> None:
        outbox.sent.append("welcome")

    pretended = Outbox()
    app.dependency_overrides[outbox.connection] = lambda: pretended
    async with worker(app):
        await (await welcome.enqueue()).result(timeout=5)
    assert (pretended.sent, outbox.sent) == (["welcome"], [])


# --- lifespan, hooks, middlewares -------------------------------------------------------------------------------------


async def test_what_the_app_sets_up_is_there_for_its_tasks() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[list[str]]:
        events.append("open")
        yield events
        events.append("close")

    app = Penstock("shop", url="memory://", namespace="test", lifespan=lifespan)

    def state() -> list[str]:
        found: list[str] = app.state
        return found

    @app.task
    async def note(word: str, notes: list[str] = Depends(state)) -> None:
        notes.append(word)

    async with app, worker(app):
        await (await note.enqueue("hello")).result(timeout=5)
    assert events == ["open", "hello", "close"]


async def test_hooks_are_told_what_becomes_of_tasks(app: Penstock) -> None:
    told: list[str] = []

    @app.before
    def before(context: TaskContext) -> None:
        told.append(f"before {context.attempt}")

    @app.after
    async def after(context: TaskContext, result: object) -> None:
        told.append(f"after {result}")

    @app.on_error
    def on_error(context: TaskContext, failure: Failure) -> None:
        told.append(f"error {failure.message}")

    @app.on_retry
    def on_retry(context: TaskContext, failure: Failure, delay: float) -> None:
        told.append(f"again in {delay}")
        raise ValueError("a hook's own mistakes change nothing")

    @app.task
    async def twice(context: TaskContext = TaskContext()) -> int:
        if context.attempt == 1:
            raise Retry(0.01, "not yet")
        return 2

    async with worker(app):
        await (await twice.enqueue()).result(timeout=5)
    assert told == ["before 1", "error not yet", "again in 0.01", "before 2", "after 2"]


class Diary(Middleware):
    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines

    async def send(
        self,
        calls: Sequence[Signature[Any]],
        send: Callable[[Sequence[Signature[Any]]], Awaitable[list[Handle[Any]]]],
    ) -> list[Handle[Any]]:
        self.lines.append(f"{self.name} sends {len(calls)}")
        return await send(calls)

    async def execute(self, context: TaskContext, execute: Callable[[], Awaitable[object]]) -> object:
        self.lines.append(f"{self.name} in")
        try:
            return f"{self.name}({await execute()})"
        finally:
            self.lines.append(f"{self.name} out")


async def test_middlewares_surround_sending_and_running_in_their_order(app: Penstock) -> None:
    lines: list[str] = []
    for name in ("outer", "inner"):
        app.add_middleware(Diary(name, lines))

    @app.task
    async def noop() -> Any:
        lines.append("runs")
        return "done"

    async with worker(app):
        assert await (await noop.enqueue()).result(timeout=5) == "outer(inner(done))"
        await app.enqueue_many(noop.s() for _ in range(3))
    assert lines[:8] == ["outer sends 1", "inner sends 1", "outer in", "inner in", "runs", "inner out", "outer out",
                         "outer sends 3"]  # fmt: skip

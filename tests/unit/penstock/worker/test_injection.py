from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from penstock import Depends, TaskContext
from penstock.parameters import parameters
from penstock.worker.injection import Injection, Overrides
from penstock.worker.pool import Pool
from penstock.worker.thread import Thread

CONTEXT = TaskContext(id="shop.1")
who: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def threads() -> Iterator[Pool]:
    with Pool(2) as pool:
        yield pool


class Diary:
    """Dependencies that write down when they are made and cleaned up."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def line(self) -> AsyncIterator[str]:
        self.lines.append("connect")
        try:
            yield "line"
        except ValueError as error:
            self.lines.append(f"saw {error}")
            raise
        finally:
            self.lines.append("disconnect")

    def cursor(self) -> Iterator[threading.Thread]:
        self.lines.append("open")
        yield threading.current_thread()
        self.lines.append("close")


async def made(function: Callable[..., Any], threads: Pool, overrides: Overrides | None = None) -> Any:
    """What the function's parameters are filled with; cleaned up at once."""
    injection = Injection(CONTEXT, Thread(threads), overrides or {})
    values = await injection.values(parameters(function).needs)
    await injection.close(None)
    return values


async def test_every_kind_is_made_in_order_and_cleaned_up_in_reverse(threads: Pool) -> None:
    diary = Diary()

    async def greeting(line: str = Depends(diary.line)) -> str:
        return f"hello, {line}"

    def task(
        words: str = Depends(greeting),
        thread: threading.Thread = Depends(diary.cursor),
        number: int = Depends(lambda: 7),
        context: TaskContext = TaskContext(),
    ) -> None: ...

    values = await made(task, threads)
    assert values["thread"] is not threading.current_thread()
    assert {**values, "thread": None} == {"words": "hello, line", "thread": None, "number": 7, "context": CONTEXT}
    assert diary.lines == ["connect", "open", "close", "disconnect"]


async def test_one_is_made_once_an_attempt_unless_it_says_otherwise(threads: Pool) -> None:
    def fresh() -> object:
        return object()

    def outer(inner: object = Depends(fresh)) -> object:
        return inner

    def task(
        a: object = Depends(fresh),
        b: object = Depends(outer),
        c: object = Depends(fresh, use_cache=False),
    ) -> None: ...

    values = await made(task, threads)
    assert values["a"] is values["b"]
    assert values["a"] is not values["c"]
    assert (await made(task, threads))["a"] is not values["a"]


async def test_what_a_dependency_raises_ends_it_and_cleans_up_what_was_made(threads: Pool) -> None:
    diary = Diary()

    def broken() -> None:
        raise LookupError("no such user")

    def task(line: str = Depends(diary.line), user: None = Depends(broken)) -> None: ...

    injection = Injection(CONTEXT, Thread(threads), {})
    with pytest.raises(LookupError, match="no such user") as raised:
        await injection.values(parameters(task).needs)
    await injection.close(raised.value)
    assert diary.lines == ["connect", "disconnect"]


async def test_generators_see_what_the_task_raised(threads: Pool) -> None:
    diary = Diary()

    def task(line: str = Depends(diary.line)) -> None: ...

    injection = Injection(CONTEXT, Thread(threads), {})
    await injection.values(parameters(task).needs)
    await injection.close(ValueError("odd"))
    assert diary.lines == ["connect", "saw odd", "disconnect"]


async def test_threads_see_the_tasks_variables(threads: Pool) -> None:
    def task(name: str = Depends(who.get)) -> None: ...

    who.set("me")
    assert (await made(task, threads))["name"] == "me"


def scoped() -> Iterator[str]:
    token = who.set("inside")
    yield "scope"
    who.reset(token)  # which needs the context that it was set in


def plain() -> None:
    who.set("plain")


async def test_what_a_dependency_sets_is_seen_by_what_comes_after_it(threads: Pool) -> None:
    def task(scope: str = Depends(scoped), seen: str = Depends(who.get)) -> None: ...

    injection = Injection(CONTEXT, Thread(threads), {})
    assert await injection.values(parameters(task).needs) == {"scope": "scope", "seen": "inside"}
    assert who.get() == "inside"
    await injection.close(None)

    def other(scope: None = Depends(plain), seen: str = Depends(who.get)) -> None: ...

    assert (await made(other, threads))["seen"] == "plain"


@pytest.mark.parametrize("kind", [StopIteration, KeyboardInterrupt, GeneratorExit], ids=str)
async def test_a_dependency_in_a_thread_may_raise_anything(threads: Pool, kind: type[BaseException]) -> None:
    def odd() -> None:
        raise kind

    def task(made: None = Depends(odd)) -> None: ...

    injection = Injection(CONTEXT, Thread(threads), {})
    with pytest.raises(RuntimeError if kind is StopIteration else kind):  # as Python makes of it in a coroutine
        await injection.values(parameters(task).needs)
    await injection.close(None)


async def test_a_function_may_stand_in_for_another(threads: Pool) -> None:
    diary = Diary()

    def prefix() -> str:
        return "pretended"

    async def pretended(words: str = Depends(prefix)) -> AsyncIterator[str]:
        yield f"{words} line"

    def task(line: str = Depends(diary.line), again: str = Depends(diary.line)) -> None: ...

    assert await made(task, threads, {diary.line: pretended}) == {"line": "pretended line", "again": "pretended line"}
    assert diary.lines == []


async def test_what_a_thread_makes_while_it_is_cancelled_is_cleaned_up(threads: Pool) -> None:
    lines, entered, go_on = list[str](), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow() -> Iterator[None]:
        loop.call_soon_threadsafe(entered.set)
        go_on.wait(10)
        lines.append("opened")
        yield
        lines.append("closed")

    def task(made: None = Depends(slow)) -> None: ...

    injection = Injection(CONTEXT, Thread(threads), {})
    making = asyncio.create_task(injection.values(parameters(task).needs))
    await entered.wait()
    making.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    await injection.close(None)
    assert lines == ["opened", "closed"]

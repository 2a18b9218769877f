from __future__ import annotations

import asyncio
import io
import re
import sys

import pytest
from rich.console import Console

from penstock import BadArgument, Penstock, TaskContext
from penstock.cli.dev import Journal, develop, typed
from penstock.stop import Stop
from penstock.testing import sandbox
from penstock.worker import Settings
from tests.tutorial.test_sealing import Turned
from tests.waiting import wait_for


@pytest.fixture
def app() -> Penstock:
    app = Penstock("shop", codec=Turned())

    @app.task
    async def greet(name: str, times: int = 1, loud: bool = False) -> str:
        return name * times

    return app


@pytest.mark.parametrize(
    ("line", "args", "kwargs"),
    [
        ("shop.greet you", ["you"], {}),
        ("greet 'you all' 2", ["you all", 2], {}),
        ("greet you times=3 loud=true", ["you"], {"times": 3, "loud": True}),
        ("greet a=b", ["a=b"], {}),
    ],
)
async def test_a_line_is_a_call(app: Penstock, line: str, args: list[object], kwargs: dict[str, object]) -> None:
    with sandbox(app) as box:
        if line == "greet a=b":
            with pytest.raises(BadArgument, match="missing a required argument: 'name'"):
                await typed(app, line)
        else:
            await typed(app, line)
            box.assert_enqueued(app.tasks["shop.greet"], args=args, kwargs=kwargs)


async def test_an_empty_line_is_nothing(app: Penstock) -> None:
    with sandbox(app) as box:
        await typed(app, "\n")
        assert box.enqueued == []


async def test_what_is_not_there_is_told_with_what_is(app: Penstock) -> None:
    with pytest.raises(BadArgument, match=r"no task 'gret'; there are shop\.greet"):
        await typed(app, "gret you")


def journal() -> tuple[Journal, io.StringIO]:
    said = io.StringIO()
    return Journal(Console(file=said, width=400)), said


async def test_each_attempt_is_a_line() -> None:
    told, said = journal()

    async def fine() -> object:
        return "x" * 300

    assert await told.execute(TaskContext(task="shop.greet", attempt=2), fine) == "x" * 300
    assert re.search(r"✓ shop\.greet \(attempt 2\) 'x{199}…\s+\d+ ms", said.getvalue())


async def test_a_failure_is_one_too() -> None:
    told, said = journal()

    async def broken() -> object:
        raise ValueError("no such user")

    with pytest.raises(ValueError, match="no such user"):
        await told.execute(TaskContext(task="shop.greet"), broken)
    assert "✗ shop.greet ValueError: no such user" in said.getvalue()


async def test_what_cannot_be_shown_fails_nothing() -> None:
    class Odd(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

        __str__ = __repr__

    async def fine() -> object:
        return Odd()

    async def broken() -> object:
        raise Odd

    told, said = journal()
    assert isinstance(await told.execute(TaskContext(task="shop.greet"), fine), Odd)
    with pytest.raises(Odd):
        await told.execute(TaskContext(task="shop.greet"), broken)
    assert "✗ shop.greet Odd: (its message can't be shown)" in said.getvalue()


class Terminal(io.StringIO):
    """What is typed."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("word", ["exit\n", " quit \n", ""])
async def test_it_ends_when_somebody_says_so(app: Penstock, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdin", Terminal(f"greet 'unclosed\n{word}"))
    settings = Settings(app.queues, drain_seconds=0)
    await asyncio.wait_for(develop(app, settings, None, Console(file=said, width=200), Stop()), 10)
    assert "`exit` or Ctrl-D ends it" in said.getvalue()
    assert "No closing quotation" in said.getvalue()


async def test_input_that_nobody_types_may_end(app: Penstock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    stop, before = Stop(), app.connections
    settings = Settings(app.queues, drain_seconds=0)
    running = asyncio.create_task(develop(app, settings, None, Console(file=io.StringIO()), stop))

    async def in_memory() -> bool:
        return app.connections is not before

    await wait_for(in_memory, "the app to get its broker in memory")
    assert await (await app.tasks["shop.greet"].enqueue("you")).result(timeout=10) == "you"
    assert not running.done()
    stop.asked.set()
    await asyncio.wait_for(running, 10)

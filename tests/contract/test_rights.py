"""The Redis users that docs/engine.md names can do their work, and nothing else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from penstock import Penstock, Phase, Retry, TaskContext, TaskFailed
from penstock.broker import connect
from penstock.broker.streams.library import library_source
from penstock.errors import SubmissionError
from penstock.keys import WAKES
from penstock.testing import worker
from tests.contract.servers import Server, running

PAGE = Path(__file__).parents[2] / "docs/engine.md"
LINE = re.compile(r"^redis-cli (ACL SETUSER (?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
WORDS = [shlex.split(found[1].replace("\\\n", "")) for found in LINE.finditer(PAGE.read_text())]
LINES = {words[2]: words for words in WORDS}
CALLED = re.compile(r"\b(?:p?call\(|\{)'([A-Z]{3,})'(?:, '([A-Z]+)')?")
SUBCOMMANDS = ("XGROUP", "XINFO")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    """A server that knows the page's users."""
    server = Server(tmp_path / "redis")
    with running(server):
        for words in LINES.values():
            server.admin.execute_command(*words)
        yield server


def url(server: Server, user: str) -> str:
    return f"redis://{user}:PASSWORD@{server.where}/0"


async def test_its_user_submits_and_runs_tasks(guarded: Server) -> None:
    app = Penstock("shop", url=url(guarded, "shop"), namespace="shop")

    @app.task
    async def double(number: int) -> int:
        return 2 * number

    @app.task
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    @app.task(max_attempts=2)
    async def again(context: TaskContext = TaskContext()) -> int:
        await context.checkpoint("here")
        if context.attempt < 2:
            raise Retry(delay=0.01)
        return context.attempt

    @app.task(max_attempts=1)
    async def fail() -> None:
        raise ValueError("no")

    async with app, worker(app):
        assert await (await double.enqueue(2)).result(timeout=10) == 4
        assert await (await (double.map([1, 2]) | total).enqueue()).result(timeout=10) == 6
        assert await (await again.options(delay=0.01, key="k", concurrency_key="c").enqueue()).result(timeout=10) == 2
        with pytest.raises(TaskFailed):
            await (await fail.enqueue()).result(timeout=10)
        assert len(await app.queue().dead_letters()) == 1
        assert await app.queue().replay() == 1
        waiting = await double.options(delay=3600).enqueue(3)
        assert await waiting.reschedule(delay=3000)
        assert await waiting.cancel()
        assert await waiting.wait(timeout=10) is Phase.CANCELLED
        await app.queue().pause()
        await app.queue().resume()
        assert (await app.queue().depth()).delayed == 0


async def test_the_operators_user_hears_and_sees_all_namespaces(guarded: Server) -> None:
    broker = connect(url(guarded, "operator"), "operator")
    await broker.ping()
    await broker.close()
    assert "no permissions" not in tried(guarded, "operator", "PSUBSCRIBE", WAKES)
    assert tried(guarded, "operator", "HGETALL", "penstock:{any/q}:tasks") == "OK"


@pytest.mark.parametrize("user", LINES)
def test_it_may_run_all_commands_of_the_library(guarded: Server, user: str) -> None:
    commands = {found.groups() for found in CALLED.finditer(library_source())}
    assert len(commands) > 40
    for name, subcommand in commands:
        words = [name, subcommand] if name in SUBCOMMANDS else [name]
        assert "permissions to run" not in tried(guarded, user, *words), words


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "penstock:{other/q}:task:1"),
        ("GET", "another"),
        ("PUBLISH", "penstock:{other/q}:control", "x"),
        ("EVAL", "return 1", "0"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("RANDOMKEY",),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("FUNCTION", "DELETE", "penstock"),
        ("CLIENT", "LIST"),
    ],
)
def test_it_may_do_nothing_else(guarded: Server, command: tuple[str, ...]) -> None:
    assert "no permissions" in tried(guarded, "shop", *command)


async def test_without_the_right_to_load_it_uses_what_another_has_loaded(guarded: Server) -> None:
    guarded.admin.execute_command("ACL", "SETUSER", "shop", "-function|load")
    app = Penstock("shop", url=url(guarded, "shop"), namespace="shop")

    @app.task
    async def double(number: int) -> int:
        return 2 * number

    async with app:
        with pytest.raises(SubmissionError, match="forbids it"):
            await double.enqueue(1)
        guarded.admin.function_load(library_source(), replace=True)
        async with worker(app):
            assert await (await double.enqueue(2)).result(timeout=10) == 4


def tried(server: Server, user: str, *words: str) -> str:
    """What Redis would say to that user. The fewest arguments that the command takes are added."""
    [about] = server.admin.execute_command("COMMAND INFO", words[0])
    missing = [*["1"] * (abs(about[1]) - len(words))]
    try:
        said = server.admin.execute_command("ACL", "DRYRUN", user, *words, *missing)
    except ResponseError as error:
        return str(error)
    return said.decode() if isinstance(said, bytes) else str(said)

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from penstock import codec
from penstock.definition import located
from penstock.errors import ConfigurationError
from penstock.worker import processes as module
from penstock.worker.child import Answer, Call, Died, Error, Value
from penstock.worker.processes import Processes
from tests.unit.penstock.worker import calls
from tests.unit.penstock.worker.pids import alive
from tests.waiting import wait_for, wait_sync


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    processes = Processes(2)
    yield processes
    await processes.close()


def call(function: Callable[..., Any], *args: object) -> Call:
    return Call(*located(function), "calls/1", "calls.f", 3, codec.encode_call(args, {}))


def deaf(percent: float | None, message: str) -> None: ...


async def run(processes: Processes, function: Callable[..., Any], *args: object) -> Answer:
    return await asyncio.wait_for(processes.run(call(function, *args), deaf), 20)


async def began(folder: Path) -> int:
    async def there() -> bool:
        return bool((folder / "began").exists() and (folder / "began").read_text())

    await wait_for(there, "the task to begin")
    return int((folder / "began").read_text())


async def test_functions_run_elsewhere(processes: Processes) -> None:
    assert await run(processes, calls.double, 21) == Value(b"42")
    assert await run(processes, calls.slowly_double, 21) == Value(b"42")
    assert await run(processes, calls.registered.definition.function) == Value(b'"by its name"')
    answer = await run(processes, calls.pid)
    assert isinstance(answer, Value)
    assert json.loads(answer.data) != os.getpid()


async def test_a_child_is_used_again(processes: Processes) -> None:
    assert await run(processes, calls.pid) == await run(processes, calls.pid)


async def test_several_run_at_once_and_no_more_than_the_limit(processes: Processes) -> None:
    answers = await asyncio.gather(*(run(processes, calls.pid) for _ in range(6)))
    assert len(set(answers)) == 2


async def test_large_values_travel(processes: Processes) -> None:
    text = "x" * 1_000_000
    assert await run(processes, calls.echo, text) == Value(json.dumps(text).encode())


async def test_progress_and_attempt(processes: Processes) -> None:
    told: list[tuple[float | None, str]] = []
    answer = await processes.run(call(calls.report), lambda percent, message: told.append((percent, message)))
    assert (answer, told) == (Value(b"3"), [(50, "half-way")])


async def test_exceptions_come_back_as_data(processes: Processes) -> None:
    answer = await run(processes, calls.fail, "asked")
    assert isinstance(answer, Error)
    assert (answer.type, answer.message, answer.is_retry) == ("UnicodeError", "as asked", False)
    assert "builtins.ValueError" in answer.lineage
    assert "in fail" in answer.traceback
    assert "child.py" not in answer.traceback


async def test_a_retry_is_one(processes: Processes) -> None:
    answer = await run(processes, calls.fail, "retry")
    assert isinstance(answer, Error)
    assert (answer.is_retry, answer.retry_delay) == (True, 3)


async def test_sys_exit_is_an_error_and_the_child_lives_on(processes: Processes) -> None:
    before = await run(processes, calls.pid)
    answer = await run(processes, calls.fail, "exit")
    assert isinstance(answer, Error)
    assert "sys.exit(7)" in answer.message
    assert await run(processes, calls.pid) == before


async def test_a_child_that_dies_is_told_and_replaced(processes: Processes) -> None:
    assert await run(processes, calls.fail, "segfault") == Died(-signal.SIGSEGV)
    assert await run(processes, calls.double, 1) == Value(b"2")


async def test_a_cancelled_call_cleans_up(processes: Processes, tmp_path: Path) -> None:
    running = asyncio.create_task(processes.run(call(calls.sleep_until_stopped, str(tmp_path)), deaf))
    pid = await began(tmp_path)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 1)

    async def gone() -> bool:
        return not alive(pid)

    await wait_for(gone, "the child to end", patience=5)
    assert (tmp_path / "cleaned up").exists()
    assert await run(processes, calls.double, 1) == Value(b"2")


async def test_one_that_ignores_it_is_killed(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    running = asyncio.create_task(processes.run(call(calls.ignore_everything, str(tmp_path)), deaf))
    pid = await began(tmp_path)
    running.cancel()

    async def gone() -> bool:
        return not alive(pid)

    await wait_for(gone, "the child to be killed", patience=5)


async def test_closing_leaves_no_child() -> None:
    processes = Processes(2)
    answer = await run(processes, calls.pid)
    assert isinstance(answer, Value)
    await processes.close()
    assert not alive(int(answer.data))


def test_a_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from penstock.worker.processes import Processes
from tests.unit.penstock.worker.test_processes import call, deaf, calls
asyncio.run(Processes(1).run(call(calls.sleep_until_stopped, sys.argv[1]), deaf))
"""
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    wait_sync(lambda: (tmp_path / "began").exists() and (tmp_path / "began").read_text(), "the child to begin")
    parent.kill()
    parent.wait(10)
    pid = int((tmp_path / "began").read_text())
    wait_sync(lambda: not alive(pid), "the child to end", patience=5)


def test_uvloop_does_as_well() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def work() -> Answer:
        processes = Processes(1)
        try:
            return await run(processes, calls.double, 21)
        finally:
            await processes.close()

    assert uvloop.run(work()) == Value(b"42")


def test_what_could_not_be_found_again_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="top level of a module"):
        located(lambda: None)
    assert located(calls.double) == (calls.__name__, "double")

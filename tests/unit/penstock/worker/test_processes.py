"""Child processes: what they run, how they end, and that none is left behind."""

from __future__ import annotations

import asyncio
import builtins
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

import penstock
from penstock import codec
from penstock.definition import located
from penstock.errors import ConfigurationError
from penstock.progress import Progress
from penstock.worker.child import Answer, Call, Died, Error, Value
from penstock.worker.processes import GRACE_SECONDS, Processes
from tests.naming import named
from tests.unit.penstock.worker import calls
from tests.unit.penstock.worker.pids import alive
from tests.waiting import wait_for, wait_sync

ROOT = Path(__file__).parents[4]
PATIENCE = 10.0
MOMENT = 1.0  # on a busy machine


def unheard(said: Progress) -> None:
    pass


def call(function: Callable[..., Any], *args: object, task: str = "calls.any", id: str = "calls.1") -> Call:
    module, qualname = located(function)
    return Call(module, qualname, id, task, 3, codec.encode_call(args, {}))


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    pool = Processes(1)
    yield pool
    async with asyncio.timeout(PATIENCE):
        await pool.close()


async def answer(processes: Processes, function: Callable[..., Any], *args: object) -> Answer:
    async with asyncio.timeout(PATIENCE):
        return await processes.run(call(function, *args), unheard)


async def value(processes: Processes, function: Callable[..., Any], *args: object) -> Any:
    said = await answer(processes, function, *args)
    assert isinstance(said, Value), said
    return codec.decode_value(said.data)


async def error(processes: Processes, function: Callable[..., Any], *args: object) -> Error:
    said = await answer(processes, function, *args)
    assert isinstance(said, Error), said
    return said


class TestCalls:
    async def test_return_a_value(self, processes: Processes) -> None:
        assert await value(processes, calls.echo, {"n": [1, None, "ü"]}) == {"n": [1, None, "ü"]}

    async def test_of_coroutine_functions_have_a_loop(self, processes: Processes) -> None:
        assert await value(processes, calls.echo_async, 7) == 7

    async def test_find_the_function_of_a_task(self, processes: Processes) -> None:
        function = calls.doubled.definition.function
        said = await processes.run(call(function, 21, task="calls.doubled"), unheard)
        assert said == Value(b"42")

    async def test_find_what_is_inside_a_class(self, processes: Processes) -> None:
        assert await value(processes, calls.Shelf.halved, 3) == 1.5

    async def test_get_their_context(self, processes: Processes) -> None:
        assert await value(processes, calls.described) == ["calls.1", "calls.any", 3, False]

    async def test_run_in_the_main_thread_of_a_process_like_this(
        self, processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PENSTOCK_TEST", "inherited")
        assert await value(processes, calls.where) == [str(tmp_path), "inherited", "MainThread"]

    async def test_may_be_big_both_ways(self, processes: Processes) -> None:
        assert await value(processes, calls.echo, "x" * 2**20) == "x" * 2**20

    async def test_tell_their_progress_and_its_last_word_comes_before_the_answer(self, processes: Processes) -> None:
        told: list[tuple[float | None, str]] = []
        said = await processes.run(call(calls.tell, 4), lambda said: told.append((said.percent, said.message)))
        assert said == Value(b'"told"')
        assert told[-1] == (100, "step 4")

    async def test_are_heard_while_they_run(self, processes: Processes) -> None:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(
            processes.run(call(calls.tell_and_wait, "half"), lambda said: told.set_result(said.message))
        )
        assert await asyncio.wait_for(told, PATIENCE) == "half"
        await cancelled(running)

    async def test_that_tell_in_a_tight_loop_are_thinned_out(self, processes: Processes) -> None:
        told: list[str] = []
        await processes.run(call(calls.tell, 100_000), lambda said: told.append(said.message))
        assert told[-1] == "step 100000"
        assert len(told) < 1000

    async def test_may_use_multiprocessing_themselves(self, processes: Processes) -> None:
        assert await value(processes, calls.in_a_pool, 3) == [3]

    async def test_do_not_see_ctrl_c(self, processes: Processes) -> None:
        assert await value(processes, calls.is_interrupted) == "went on"

    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
    def test_work_on_either_loop(self, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        async def work() -> None:
            pool = Processes(2)
            both = [call(calls.echo, "x" * 2**20), call(calls.crashes)]
            big, died = await asyncio.gather(*(pool.run(one, unheard) for one in both))
            assert isinstance(big, Value)
            assert died == Died(-signal.SIGSEGV)
            await cancelled(asyncio.create_task(pool.run(call(time.sleep, calls.LONG), unheard)), after=0.2)
            assert await value(pool, calls.echo, 1) == 1
            await pool.close()

        run(asyncio.wait_for(work(), PATIENCE))


class TestErrors:
    async def test_are_told_as_data(self, processes: Processes) -> None:
        found = await error(processes, calls.raises_unpicklable)
        assert found.type == "Unpicklable"
        assert found.message == "('it has', 1, 'and more')"
        assert found.traceback.splitlines()[1].endswith("in raises_unpicklable")  # nothing of ours above it
        assert found.lineage[:2] == (f"{calls.__name__}.Unpicklable", "builtins.Exception")
        assert not found.wish

    async def test_that_cannot_be_shown_are_told_too(self, processes: Processes) -> None:
        assert (await error(processes, calls.raises_mute)).type == "Mute"
        assert (await error(processes, calls.raises_missing)).message == "\\udcff.txt"

    @pytest.mark.parametrize("delay", [None, 2.5])
    async def test_may_ask_for_a_retry(self, processes: Processes, delay: float | None) -> None:
        found = await error(processes, calls.raises_retry, delay)
        assert (found.wish, found.delay, found.message) == ("retry", delay, "busy")

    @pytest.mark.parametrize("function", [calls.leaves, calls.leaves_async])
    async def test_are_what_sys_exit_comes_to(self, processes: Processes, function: Callable[..., Any]) -> None:
        found = await error(processes, function, 3)
        assert (found.type, found.message) == ("RuntimeError", "the task called sys.exit(3)")
        assert function.__name__ in found.traceback

    async def test_are_told_of_any_kind(self, processes: Processes) -> None:
        assert (await error(processes, calls.interrupts)).type == "KeyboardInterrupt"

    async def test_come_from_results_that_cannot_travel(self, processes: Processes) -> None:
        assert "can't travel as JSON" in (await error(processes, calls.returns_object)).message

    async def test_come_from_arguments_that_cannot_be_read(self, processes: Processes) -> None:
        module, qualname = located(calls.echo)
        said = await processes.run(Call(module, qualname, "calls.1", "calls.any", 1, b"["), unheard)
        assert isinstance(said, Error)

    async def test_come_from_functions_that_are_not_there(self, processes: Processes) -> None:
        said = await processes.run(Call("no_such_module", "f", "calls.1", "calls.any", 1, b"[[], {}]"), unheard)
        assert isinstance(said, Error)
        assert said.type == "ModuleNotFoundError"

    async def test_come_from_two_tasks_of_functions_of_one_name(self, processes: Processes) -> None:
        said = await processes.run(call(calls.doubled.definition.function, 1, task="calls.hidden"), unheard)
        assert isinstance(said, Error)
        assert said.message.endswith("is 'calls.doubled' and not 'calls.hidden': rename one")

    async def test_leave_the_child_as_it_was(self, processes: Processes) -> None:
        before = await value(processes, calls.pid)
        await error(processes, calls.raises_mute)
        assert await value(processes, calls.pid) == before


class TestFinding:
    def test_names_module_and_function(self) -> None:
        assert located(calls.Shelf.halved) == (calls.__name__, "Shelf.halved")
        assert located(builtins.abs) == ("builtins", "abs")

    @pytest.mark.parametrize("function", [lambda: None, partial(calls.echo, 1), calls.Shelf()], ids=named)
    def test_refuses_what_a_child_could_not_find(self, function: Callable[..., Any]) -> None:
        with pytest.raises(ConfigurationError, match="define it at the top level of a module"):
            located(function)

    def test_refuses_a_function_inside_a_function(self) -> None:
        def inside() -> None: ...

        with pytest.raises(ConfigurationError, match=r"inside can't run in a process of its own"):
            located(inside)


class TestChildren:
    async def test_are_used_again(self, processes: Processes) -> None:
        assert await value(processes, calls.first_call) == await value(processes, calls.first_call)

    async def test_are_no_more_than_the_limit(self) -> None:
        pool = Processes(2)
        try:
            pids = await asyncio.wait_for(asyncio.gather(*(value(pool, calls.pid) for _ in range(6))), PATIENCE)
        finally:
            await pool.close()
        assert len(set(pids)) == 2

    async def test_that_crash_say_so_and_are_replaced(self, processes: Processes) -> None:
        before = await value(processes, calls.pid)
        assert await answer(processes, calls.crashes) == Died(-signal.SIGSEGV)
        assert await answer(processes, calls.vanishes, 7) == Died(7)
        assert await value(processes, calls.pid) != before

    async def test_that_die_between_two_calls_are_replaced(self, processes: Processes) -> None:
        before = await value(processes, calls.pid)
        os.kill(before, signal.SIGKILL)
        reaped = partial(asyncio.to_thread, lambda: not Path(f"/proc/{before}").exists())
        await wait_for(reaped, "the idle child's end", patience=PATIENCE)
        assert await value(processes, calls.pid) != before

    async def test_that_crash_are_noticed_though_a_fork_holds_their_socket(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        begun = tmp_path / "begun"
        assert await answer(processes, calls.forks_and_crashes, str(begun)) == Died(-signal.SIGSEGV)
        await wait_for(gone(noted(begun)), "the forked process's end", patience=PATIENCE)

    async def test_that_cannot_answer_any_more_are_replaced(self, processes: Processes) -> None:
        assert isinstance(await answer(processes, calls.hangs_up), Died)
        assert await value(processes, calls.echo, 1) == 1

    async def test_log_and_print_as_their_parent_does(
        self, processes: Processes, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("logging.root.level", 20)
        await value(processes, calls.say, "hello")
        out, err = capfd.readouterr()
        assert out == "hello\n"
        assert err.endswith("INFO calls logged hello [calls.1]\n")

    async def test_are_all_ended_by_closing(self) -> None:
        pool = Processes(3)
        sleeping = [asyncio.create_task(pool.run(call(time.sleep, calls.LONG), unheard)) for _ in range(2)]
        pid = await value(pool, calls.pid)
        children = child_processes() | {pid}
        assert len(children) >= 3
        async with asyncio.timeout(GRACE_SECONDS):
            await pool.close()
            assert all(isinstance(said, Died) for said in await asyncio.gather(*sleeping))
        assert not any(map(alive, children))
        with pytest.raises(RuntimeError, match="closed"):
            await pool.run(call(calls.pid), unheard)


def noted(file: Path) -> int:
    return int(file.read_text())


def gone(pid: int) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def is_gone() -> bool:
        return not alive(pid)

    return is_gone


def child_processes() -> set[int]:
    """Those of this process that were spawned for tasks."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


async def cancelled(running: asyncio.Task[Answer], after: float = 0.0) -> float:
    """Cancel a call; the seconds until that was done."""
    if after:
        await asyncio.wait([running], timeout=after)
    running.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, PATIENCE)
    return time.monotonic() - began


class TestCancelling:
    @pytest.fixture
    def begun(self, tmp_path: Path) -> Path:
        return tmp_path / "begun"

    async def begin(self, processes: Processes, begun: Path, job: Call) -> tuple[asyncio.Task[Answer], int]:
        """A call that runs, and the process that it wrote down."""
        running = asyncio.create_task(processes.run(job, unheard))
        await wait_for(partial(asyncio.to_thread, begun.exists), "the task to begin", patience=PATIENCE)
        return running, noted(begun)

    @pytest.mark.parametrize("function", [calls.cleans_up, calls.cleans_up_async, calls.cleans_up_busy])
    async def test_runs_what_stands_in_finally(
        self, processes: Processes, begun: Path, tmp_path: Path, function: Callable[..., Any]
    ) -> None:
        job = call(function, str(begun), str(tmp_path / "cleaned"))
        running, pid = await self.begin(processes, begun, job)
        assert await cancelled(running) < MOMENT
        assert (tmp_path / "cleaned").read_text() == "cleaned"
        assert not alive(pid)

    async def test_shows_in_the_context(self, processes: Processes, begun: Path, tmp_path: Path) -> None:
        job = call(calls.says_whether_cancelled, str(begun), str(tmp_path / "said"))
        await cancelled((await self.begin(processes, begun, job))[0])
        assert (tmp_path / "said").read_text() == "True"

    async def test_ends_a_busy_loop(self, processes: Processes, begun: Path) -> None:
        running, pid = await self.begin(processes, begun, call(calls.spins, str(begun)))
        assert await cancelled(running) < MOMENT
        assert not alive(pid)

    async def test_comes_through_a_timeout(self, processes: Processes) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await processes.run(call(time.sleep, calls.LONG), unheard)
        assert await value(processes, calls.echo, 1) == 1

    async def test_kills_what_ignores_it_after_the_grace(self, processes: Processes, begun: Path) -> None:
        running, pid = await self.begin(processes, begun, call(calls.stubborn, str(begun)))
        assert GRACE_SECONDS <= await cancelled(running) + 0.1 < GRACE_SECONDS + MOMENT
        assert not alive(pid)
        assert await value(processes, calls.pid) != pid

    async def test_does_not_wait_when_it_comes_twice(self, processes: Processes, begun: Path) -> None:
        running, pid = await self.begin(processes, begun, call(calls.stubborn, str(begun)))
        running.cancel()
        await asyncio.wait([running], timeout=0.1)
        assert await cancelled(running) < MOMENT
        assert await value(processes, calls.pid) != pid  # waits until the first child is gone
        assert not alive(pid)

    async def test_ends_the_child_of_a_task_that_swallows_it(self, processes: Processes, begun: Path) -> None:
        running, pid = await self.begin(processes, begun, call(calls.swallows, str(begun)))
        assert await cancelled(running) < MOMENT
        assert not alive(pid)

    async def test_does_not_wait_for_threads_of_the_task(self, processes: Processes, begun: Path) -> None:
        running, pid = await self.begin(processes, begun, call(calls.leaves_a_thread, str(begun)))
        assert await cancelled(running) < MOMENT
        assert not alive(pid)

    async def test_ends_what_the_task_has_started(self, processes: Processes, begun: Path) -> None:
        running, sleeper = await self.begin(processes, begun, call(calls.starts_another, str(begun)))
        await cancelled(running)
        await wait_for(gone(sleeper), "the end of the task's own process", patience=PATIENCE)

    async def test_before_its_turn_leaves_the_others_alone(self, processes: Processes, begun: Path) -> None:
        running, pid = await self.begin(processes, begun, call(calls.spins, str(begun)))
        waiting = asyncio.create_task(processes.run(call(calls.pid), unheard))
        assert await cancelled(waiting, after=0.05) < MOMENT
        assert alive(pid)
        await cancelled(running)
        assert await value(processes, calls.echo, 1) == 1

    async def test_while_the_child_starts_ends_it(self, processes: Processes) -> None:
        before = child_processes()
        await cancelled(asyncio.create_task(processes.run(call(calls.pid), unheard)), after=0.01)
        assert child_processes() == before
        assert await value(processes, calls.echo, 1) == 1


SCRIPT = """
import asyncio, os, sys, time
from penstock import TaskContext
from penstock.definition import located
from penstock.worker.child import Call
from penstock.worker.processes import Processes

class Broken(Exception):
    pass

def broken():
    raise Broken

def busy(context: TaskContext):
    context.progress(message=str(os.getpid()))
    while True:
        pass

async def main(function):
    call = Call(*located(function), "calls.1", "calls.any", 1, b"[[], {}]")
    print(await Processes(1).run(call, lambda said: print(said.message, flush=True)))

if __name__ == "__main__":
    asyncio.run(main(globals()[sys.argv[1]]))
"""


def script(*command: str, cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(penstock.__file__).parents[1])}
    return subprocess.Popen([sys.executable, *command], cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True)


class TestScripts:
    """What isn't tests but a program of its own. None of them closes its Processes."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        package = tmp_path / "package"
        package.mkdir()
        for file in (tmp_path / "script.py", package / "__init__.py", package / "__main__.py"):
            file.write_text(SCRIPT)
        return tmp_path

    @pytest.mark.parametrize(
        ("command", "module"),
        [(["script.py"], "__main__"), (["-m", "script"], "__main__"), (["-m", "package"], "package.__main__")],
    )
    def test_may_hold_the_tasks_themselves(self, folder: Path, command: list[str], module: str) -> None:
        said, _ = script(*command, "broken", cwd=folder).communicate(timeout=PATIENCE)
        assert "type='Broken'" in said
        assert f"lineage=('{module}.Broken', 'builtins.Exception'" in said

    def test_without_a_file_are_told_what_to_do(self, folder: Path) -> None:
        code = (
            "from penstock.definition import located\ndef f(): pass\ntry: located(f)\nexcept Exception as e: print(e)"
        )
        said, _ = script("-c", code, cwd=folder).communicate(timeout=PATIENCE)
        assert "define it at the top level of a module" in said

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
    def test_leave_no_child_behind_however_they_end(self, folder: Path, number: signal.Signals) -> None:
        with script("script.py", "busy", cwd=folder) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert alive(pid)
            parent.send_signal(number)
            parent.wait(PATIENCE)
        wait_sync(lambda: not alive(pid), "the orphan's end", patience=PATIENCE)


def test_a_child_loads_nothing_heavy() -> None:
    code = "import sys, penstock.worker.child; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"kubernetes_asyncio", "aiohttp", "redis", "pydantic", "kopf", "typer"} & set(loaded)

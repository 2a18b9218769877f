"""Several worker processes: how they are replaced, and that they end together. The workers here are small scripts."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock.stop import Stop
from penstock.worker import supervisor as module
from penstock.worker.supervisor import (
    CONFIGURATION,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    RECYCLED,
    STEADY_SECONDS,
    SUPERVISED,
    Next,
    Supervision,
    after,
    supervise,
    watch_supervisor,
)
from tests.unit.penstock.worker.pids import alive
from tests.waiting import wait_for, wait_sync

PATIENCE = 10.0
QUICK = 0.05

codes = st.integers(-64, 255).filter(lambda code: code not in (RECYCLED, CONFIGURATION))
lives = st.floats(0, 1e6)
rows = st.integers(0, 10_000)  # failures in a row


class TestDecision:
    @given(lives, rows)
    def test_a_recycled_one_is_replaced_at_once(self, lived: float, failures: int) -> None:
        assert after(RECYCLED, lived, failures) == Next()

    @given(lives, rows)
    def test_settings_that_cannot_work_are_not_tried_again(self, lived: float, failures: int) -> None:
        assert after(CONFIGURATION, lived, failures).stop

    @given(codes, lives, rows)
    def test_whatever_else_is_replaced_after_a_pause(self, code: int, lived: float, failures: int) -> None:
        then = after(code, lived, failures)
        assert not then.stop
        assert FIRST_PAUSE_SECONDS <= then.pause <= LONGEST_PAUSE_SECONDS
        assert then.pause <= after(code, lived, then.failures).pause

    @given(codes, rows)
    def test_the_pauses_start_anew_after_one_that_lived_long(self, code: int, failures: int) -> None:
        assert after(code, STEADY_SECONDS, failures) == Next(FIRST_PAUSE_SECONDS, 1)

    def test_the_pauses_double(self) -> None:
        pauses, failures = [], 0
        for _ in range(8):
            then = after(1, 0.1, failures)
            pauses.append(then.pause)
            failures = then.failures
        assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


# Says that it is there by a file PLACE.PID, and how it left by PLACE.PID.drained.
WORKER = """
import os, signal, sys, time
from pathlib import Path

def drain(number, frame):
    me.with_name(me.name + ".drained").touch()
    os._exit(0)

def ask(number, frame):
    signal.signal(signal.SIGTERM, drain)
    me.with_name(me.name + ".told").touch()

how, me = sys.argv[1], Path(f"{os.environ['PENSTOCK_PLACE']}.{os.getpid()}")
signal.signal(signal.SIGTERM, {"stubborn": signal.SIG_IGN, "hurried": ask}.get(how, drain))
me.touch()
if how == "watches":
    from penstock.worker.supervisor import watch_supervisor
    watch_supervisor(lambda: os._exit(0))
if how.isdigit() and (me.name.startswith("0.") or how == "75"):
    os._exit(int(how))
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", QUICK)
    return tmp_path


def workers(how: str, processes: int = 2) -> Supervision:
    return Supervision((sys.executable, "worker.py", how), processes, drain_seconds=5.0)


def started(folder: Path) -> set[tuple[int, int]]:
    """Place and process id of all that were ever there."""
    names = [path.name.split(".") for path in folder.iterdir() if path.name[0].isdigit()]
    return {(int(place), int(pid)) for place, pid, *_ in names}


def drained(folder: Path) -> set[int]:
    return {int(path.name.split(".")[1]) for path in folder.glob("*.drained")}


def running(folder: Path) -> dict[int, int]:
    """The process id of each place that has a process now."""
    return {place: pid for place, pid in started(folder) if alive(pid)}


def has(condition: Callable[[], object]) -> Callable[[], Coroutine[Any, Any, object]]:
    async def holds() -> object:
        return condition()

    return holds


@asynccontextmanager
async def supervised(folder: Path, how: str, processes: int = 2) -> AsyncIterator[asyncio.Task[int]]:
    """Processes that all run; they are asked to stop at the end."""
    stop = Stop()
    task = asyncio.create_task(supervise(workers(how, processes), stop))
    await wait_for(has(lambda: task.done() or len(running(folder)) == processes), "all to start", patience=PATIENCE)
    yield task
    stop.asked.set()
    await asyncio.wait([task], timeout=PATIENCE)
    assert task.done()


async def test_all_drain_when_it_is_asked_to_stop(folder: Path) -> None:
    async with supervised(folder, "steady", 3) as task:
        before = running(folder)
        assert sorted(before) == [0, 1, 2]
    assert task.result() == 0
    assert drained(folder) == set(before.values())
    assert not running(folder)


async def test_one_that_is_killed_is_replaced_and_the_others_stay(folder: Path) -> None:
    async with supervised(folder, "steady"):
        before = running(folder)
        os.kill(before[0], signal.SIGKILL)
        await wait_for(has(lambda: running(folder).get(0, before[0]) != before[0]), "another", patience=PATIENCE)
        assert running(folder)[1] == before[1]


async def test_one_that_ends_with_0_unasked_is_replaced_too(folder: Path) -> None:
    async with supervised(folder, "steady", 1):
        [(_, before)] = started(folder)
        os.kill(before, signal.SIGTERM)
        await wait_for(has(lambda: running(folder).get(0, before) != before), "another", patience=PATIENCE)


async def test_recycled_ones_are_replaced_without_a_pause(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 60.0)
    stop = Stop()
    task = asyncio.create_task(supervise(workers(str(RECYCLED), 1), stop))
    await wait_for(has(lambda: len(started(folder)) >= 3), "the third", patience=PATIENCE)
    stop.asked.set()
    assert await asyncio.wait_for(task, PATIENCE) == 0


async def test_settings_that_cannot_work_end_all(folder: Path) -> None:
    stop = Stop()
    assert await asyncio.wait_for(supervise(workers(str(CONFIGURATION)), stop), PATIENCE) == CONFIGURATION
    assert not running(folder)


async def test_one_that_does_not_drain_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_SECONDS", -4.7)  # of the drain's 5 s
    began = time.monotonic()
    async with supervised(folder, "stubborn"):
        pass
    assert time.monotonic() - began < PATIENCE / 2
    assert not running(folder)


async def test_a_stop_before_they_have_started_leaves_none(folder: Path) -> None:
    stop = Stop()
    stop.asked.set()
    assert await asyncio.wait_for(supervise(workers("steady"), stop), PATIENCE) == 0
    assert not running(folder)


async def test_a_stop_during_the_pause_does_not_wait_for_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 60.0)
    async with supervised(folder, "steady", 1) as task:
        os.kill(running(folder)[0], signal.SIGKILL)
        await wait_for(has(lambda: not running(folder)), "its end", patience=PATIENCE)
    assert task.result() == 0


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_it_works_on_either_loop(folder: Path, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def work() -> None:
        async with supervised(folder, "steady"):
            before = running(folder)
            os.kill(before[0], signal.SIGKILL)
            await wait_for(has(lambda: running(folder).get(0, before[0]) != before[0]), "another", patience=PATIENCE)

    run(asyncio.wait_for(work(), PATIENCE))
    assert not running(folder)


SUPERVISOR = """
import asyncio, sys
from penstock.stop import Stop
from penstock.worker.supervisor import Supervision, supervise
asyncio.run(supervise(Supervision((sys.executable, "worker.py", "watches"), 2), Stop()))
"""


def test_the_processes_of_a_killed_supervisor_end_by_themselves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(penstock.__file__).parents[1]))
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR]) as parent:
        wait_sync(lambda: len(running(folder)) == 2, "both to start", patience=PATIENCE)
        parent.kill()
    wait_sync(lambda: not running(folder), "the orphans' end", patience=PATIENCE)
    assert not drained(folder)  # nobody told them


class TestWatching:
    def test_tells_when_the_supervisor_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        monkeypatch.setenv(SUPERVISED, str(reading))
        gone = threading.Event()
        watch_supervisor(gone.set)
        assert not gone.wait(0.05)
        os.close(writing)
        assert gone.wait(PATIENCE)
        os.close(reading)

    def test_is_nothing_without_a_supervisor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(SUPERVISED, raising=False)
        before = threading.active_count()
        watch_supervisor(lambda: None)
        assert threading.active_count() == before

    def test_is_not_passed_on_to_processes_that_a_worker_starts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        monkeypatch.setenv(SUPERVISED, str(reading))
        gone = threading.Event()
        watch_supervisor(gone.set)
        assert SUPERVISED not in os.environ
        os.close(writing)
        assert gone.wait(PATIENCE)
        os.close(reading)


# --- what may go wrong around the processes ---


async def test_a_process_that_cannot_be_started_is_tried_again(folder: Path) -> None:
    stop, late = Stop(), folder / "late.py"
    task = asyncio.create_task(supervise(Supervision((str(late), "steady"), 1), stop))
    await asyncio.wait([task], timeout=2 * QUICK)
    assert not task.done()
    script = f"#!{sys.executable}\n{WORKER}"
    await asyncio.to_thread(_executable, late, script)
    await wait_for(has(lambda: len(running(folder)) == 1), "it to start at last", patience=PATIENCE)
    stop.asked.set()
    assert await asyncio.wait_for(task, PATIENCE) == 0


def _executable(path: Path, text: str) -> None:
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").chmod(0o700)
    path.with_suffix(".part").rename(path)


async def test_a_supervisor_that_is_cancelled_takes_its_processes_along(folder: Path) -> None:
    async with supervised(folder, "steady") as task:
        before = running(folder)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)
        assert drained(folder) == set(before.values())


async def test_the_event_that_asks_is_its_owners(folder: Path) -> None:
    stop = Stop()
    await asyncio.wait_for(supervise(workers(str(CONFIGURATION)), stop), PATIENCE)
    assert not stop.asked.is_set()


async def test_a_second_signal_is_passed_on(folder: Path) -> None:
    stop = Stop()
    task = asyncio.create_task(supervise(workers("hurried"), stop))
    await wait_for(has(lambda: len(running(folder)) == 2), "all to start", patience=PATIENCE)
    assert len(stop.running()) == 2
    stop.asked.set()
    await wait_for(has(lambda: len(list(folder.glob("*.told"))) == 2), "the first SIGTERM", patience=PATIENCE)
    stop.hand_back()
    await asyncio.wait_for(task, PATIENCE)
    assert not running(folder)

"""How a process of ours ends. Each is tried in a process of its own: a small script whose work says READY."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import penstock
from penstock.process import run, stop_asked
from tests.waiting import outlast

BOUND = 8.0  # seconds within which each must end; interpreters start slowly on a busy machine, and do so before

SCRIPT = """
import asyncio, atexit, ctypes, logging, multiprocessing, os, signal, sys, threading, time, _thread
from penstock import process, signals, stop as stops

logging.basicConfig(level="INFO", format="%(message)s")
process.END_SECONDS, process.REST_SECONDS, signals.LOOK_SECONDS = {end}, 0.1, 0.05
{loop}

def say(text):
    print(text, flush=True)

async def swallow():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            say("swallowed")

def flush():
    {flush}

async def work(stop):
    stop.running = lambda: ["shop.send (mail.1)"]
    stop.hand_back = lambda: say("HAND BACK")
{before}
    say("READY")
    await stop.asked.wait()
    say("ASKED" + stop.hint)
{after}
    return 7

process.live(work, drain_seconds=0.5, flush=flush, supervised={supervised})
"""
NO_UVLOOP = "sys.modules['uvloop'] = None"


@contextmanager
def lived(
    before: str = "pass",
    after: str = "pass",
    *,
    flush: str = "pass",
    end: float = 1.0,
    loop: str = "",
    supervised: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """The script, which has said READY; killed if the block fails."""
    indented = {name: f"    {text}".replace("\n", "\n    ") for name, text in (("before", before), ("after", after))}
    script = SCRIPT.format(flush=flush, end=end, loop=loop, supervised=supervised, **indented)
    paths = os.environ | {"PYTHONPATH": str(Path(penstock.__file__).parents[1])}
    command = [sys.executable, "-c", script]
    pipes = subprocess.PIPE
    with subprocess.Popen(command, env=paths, stdout=pipes, stderr=pipes, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "READY\n", process.communicate(timeout=BOUND)
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
    """Its code and all that it has said, once it was asked to stop."""
    process.send_signal(number)
    return left(process)


def left(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=BOUND)
    return process.returncode, out, err


@pytest.fixture
def handlers() -> Iterator[None]:
    """Those of before are back afterwards: uvloop leaves its own, which belongs to a closed loop."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_the_process_to_stop(number: signal.Signals) -> None:
    async def work() -> bool:
        stop = stop_asked()
        before = stop.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
        return before

    assert run(work()) is False


def test_what_the_work_returns_or_raises_is_the_callers() -> None:
    async def work(value: int) -> int:
        return 1 // value

    assert run(work(1)) == 1
    with pytest.raises(ZeroDivisionError):
        run(work(0))


@pytest.mark.parametrize("loop", ["", NO_UVLOOP])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_as_its_work_says_once_it_is_asked(number: signal.Signals, loop: str) -> None:
    again = "Ctrl-C" if number is signal.SIGINT else "SIGTERM"
    with lived(flush="say('flushed')", before="atexit.register(say, 'bye')", loop=loop) as process:
        code, out, err = ended(process, number)
    assert (code, out, err) == (7, f"ASKED; {again} again hands them back now\nflushed\nbye\n", "")


HOLDS = {
    "a thread": ("threading.Thread(target=time.sleep, args=[60]).start()", "pass"),
    "a thread of an executor": ("asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)", "pass"),
    "a coroutine that swallows cancellation": ("globals()['kept'] = asyncio.create_task(swallow())", "pass"),
    "a drain that doesn't end": ("pass", "await asyncio.sleep(60)"),
    "a drain that can't be cancelled": ("pass", "await swallow()"),
    "a drain that blocks the loop": ("pass", "time.sleep(60)"),
    "a drain that keeps the interpreter": ("signals.STUCK_SECONDS = 0.1", "ctypes.PyDLL(None).sleep(60)"),
    "an exit handler": ("atexit.register(time.sleep, 60)", "pass"),
    "an exit handler beside a thread": (
        "atexit.register(time.sleep, 60); threading.Thread(target=time.sleep, args=[60]).start()",
        "pass",
    ),
    "a child of multiprocessing": (
        "multiprocessing.get_context('fork').Process(target=time.sleep, args=[15]).start()",
        "pass",
    ),
    "an asynchronous generator": (
        "async def gen():\n    try:\n        yield\n    finally:\n        await asyncio.sleep(60)\n"
        "kept = globals()['kept'] = gen()\nawait anext(kept)",
        "pass",
    ),
}


@pytest.mark.parametrize("holds", HOLDS.values(), ids=HOLDS)
def test_nothing_holds_the_exit(holds: tuple[str, str]) -> None:
    with lived(*holds) as process:
        process.send_signal(signal.SIGTERM)
        process.wait(BOUND)


def test_a_flush_that_hangs_does_not_hold_the_exit() -> None:
    with lived(flush="time.sleep(60)") as process:
        code, _, err = ended(process)
    assert code == 1
    assert "its time is over" in err


def test_what_holds_it_is_told() -> None:
    with lived(after="await asyncio.sleep(60)") as process:
        code, _, err = ended(process)
    assert code == 1
    assert "its time is over: running are shop.send (mail.1)" in err


def test_log_lines_that_nobody_reads_do_not_hold_the_exit() -> None:
    chatter = "threading.Thread(target=lambda: [logging.info('x' * 10_000) for _ in range(100)], daemon=True).start()"
    with lived(chatter) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND) in (1, 7)  # its standard error is a full pipe


def test_a_second_signal_hands_back_and_a_third_leaves() -> None:
    with lived(after="await asyncio.sleep(60)", end=30) as process:
        assert process.stdout is not None
        for said in ("ASKED; Ctrl-C again hands them back now\n", "HAND BACK\n"):
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == said
        code, _, err = ended(process, signal.SIGTERM)
    assert code == 128 + signal.SIGTERM
    assert "SIGTERM for the third time" in err


def test_after_a_second_signal_it_leaves_soon() -> None:
    with lived("stops.HURRY_SECONDS = 0.2", "await asyncio.sleep(60)", end=60) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        process.stdout.readline()
        assert ended(process)[0] == 1


def test_a_blocked_loop_does_not_make_it_deaf() -> None:
    with lived("asyncio.get_running_loop().call_soon(time.sleep, 60)", end=30) as process:
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
            outlast(0.3, "the signals come one after the other")
        assert left(process)[0] == 128 + signal.SIGTERM


def test_a_supervised_one_leaves_sigint_to_its_supervisor() -> None:
    with lived(supervised=True) as process:
        process.send_signal(signal.SIGINT)
        outlast(0.3, "it goes on")
        assert process.poll() is None
        assert ended(process)[0] == 7


HIJACKS = {
    "ignores it": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "handles it": "signal.signal(signal.SIGTERM, lambda *_: None)",
    "lets it kill": "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
    "takes the descriptor": "signal.set_wakeup_fd(-1)",
    "takes both": "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.set_wakeup_fd(-1)",
    "asks its loop": "asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, say, 'theirs')",
}


@pytest.mark.parametrize("loop", ["", NO_UVLOOP])
@pytest.mark.parametrize("hijack", HIJACKS.values(), ids=HIJACKS)
def test_code_that_takes_the_signals_does_not_make_it_deaf(hijack: str, loop: str) -> None:
    with lived(f"{hijack}\nawait asyncio.sleep(0.3)", loop=loop) as process:
        code, _, err = ended(process)
    assert code == 7
    assert ("SIGTERM was set to" in err) is ("signal(" in hijack.replace("add_signal_handler(", "signal("))


@pytest.mark.parametrize("loop", ["", NO_UVLOOP])
def test_handlers_of_other_signals_work(loop: str) -> None:
    before = (
        "signal.signal(signal.SIGUSR1, lambda *_: say('one'))\n"
        "asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, say, 'two')\nawait asyncio.sleep(0.3)"
    )
    with lived(before, loop=loop) as process:
        assert process.stdout is not None
        for number, said in ((signal.SIGUSR1, "one\n"), (signal.SIGUSR2, "two\n")):
            process.send_signal(number)
            assert process.stdout.readline() == said
        assert ended(process)[0] == 7


OWN = {
    "kill": "os.kill(os.getpid(), signal.SIGTERM)",
    "kill from a thread": "await asyncio.to_thread(os.kill, os.getpid(), signal.SIGINT)",
    "killpg": "os.killpg(0, signal.SIGTERM)",
    "raise": "signal.raise_signal(signal.SIGINT)",
    "pthread_kill": "signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)",
    "interrupt": "_thread.interrupt_main()",
    "interrupt from a thread": "await asyncio.to_thread(_thread.interrupt_main)",
    "an imported name": "from os import kill; kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_what_its_own_code_sends_does_not_stop_it(own: str) -> None:
    with lived(f"{own}\nawait asyncio.sleep(0.2)\nassert not stop.asked.is_set()") as process:
        code, _, err = ended(process)
    assert code == 7
    assert "came from a task in this process: ignored" in err


@pytest.mark.parametrize("loop", ["", NO_UVLOOP])
@pytest.mark.parametrize("fork", ["os.fork()", "await asyncio.to_thread(os.fork)"])
def test_a_signal_to_a_forked_child_is_not_the_parents(fork: str, loop: str) -> None:
    child = (
        f"if not (pid := {fork}):\n    time.sleep(60)\n    os._exit(3)\n"
        "await asyncio.sleep(0.1)\nos.kill(pid, signal.SIGTERM)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM\nawait asyncio.sleep(0.2)\n"
        "assert not stop.asked.is_set()"
    )
    with lived(child, loop=loop) as process:
        assert ended(process)[0] == 7


def test_a_stray_exception_that_ends_loops_does_not_end_it() -> None:
    stray = "async def stray(error):\n    raise error\n" + "\n".join(
        f"kept{name} = asyncio.create_task(stray({name}()))\nawait asyncio.sleep(0.1)"
        for name in ("KeyboardInterrupt", "SystemExit")
    )
    with lived(stray) as process:
        code, _, err = ended(process)
    assert code == 7
    assert "KeyboardInterrupt" in err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        ("penstock.ConfigurationError('no broker: set PENSTOCK_URL')", 2, "no broker: set PENSTOCK_URL\n"),
        ("penstock.PenstockError('no')", 1, "no\n"),
        ("ZeroDivisionError('x')", 1, "the process failed\nTraceback"),
    ],
)
def test_an_error_of_its_work_is_told(error: str, code: int, told: str) -> None:
    with lived(after=f"import penstock; raise {error}") as process:
        found, _, err = ended(process)
    assert found == code
    assert err.startswith(told)


def test_time_is_up_for_work_that_ends_of_its_own_accord_too() -> None:
    with lived(after="pass", flush="time.sleep(60)", before="stop.begun()") as process:
        assert left(process)[0] == 1

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from penstock import Penstock
from penstock.errors import ConfigurationError
from penstock.portal import Portal


async def where() -> tuple[str, asyncio.AbstractEventLoop]:
    return threading.current_thread().name, asyncio.get_running_loop()


def test_work_runs_on_one_loop_in_a_thread_of_its_own() -> None:
    portal = Portal()
    (name, first), (_, second) = portal.run(where(), ""), portal.run(where(), "")
    assert name == "penstock-sync"
    assert first is second


def test_threads_share_the_loop() -> None:
    portal = Portal()
    with ThreadPoolExecutor(8) as threads:
        loops = {loop for _, loop in threads.map(lambda _: portal.run(where(), ""), range(16))}
    assert len(loops) == 1


def test_an_error_is_the_callers() -> None:
    async def broken() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        Portal().run(broken(), "")


async def test_inside_a_loop_it_says_what_to_use_instead() -> None:
    with pytest.raises(ConfigurationError, match=r"use await task\.enqueue\(\)"):
        Portal().run(where(), "await task.enqueue()")


def in_child(work: Callable[[], object]) -> int:
    """The exit code of a forked child that does `work`: 0 if it returned, 1 if it raised, -14 if it hung."""
    if not (pid := os.fork()):
        signal.alarm(10)
        code = 1
        with suppress(Exception):
            work()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_forked_child_has_a_loop_of_its_own() -> None:
    portal = Portal()
    before = portal.run(where(), "")
    assert in_child(lambda: portal.run(where(), "")) == 0
    assert portal.run(where(), "") == before


def test_a_child_that_was_forked_while_the_loop_was_started_has_one_too() -> None:
    portal = Portal()
    with portal._lock:
        assert in_child(lambda: portal.run(where(), "")) == 0


def test_a_child_of_a_child_has_one_too() -> None:
    portal = Portal()
    portal.run(where(), "")

    def again() -> None:
        portal.run(where(), "")
        assert in_child(lambda: portal.run(where(), "")) == 0

    assert in_child(again) == 0


def test_a_broker_in_memory_is_not_the_childs() -> None:
    app = Penstock("shop", url="memory://")

    @app.task
    def send() -> None: ...

    send.delay()

    def refused() -> None:
        with pytest.raises(ConfigurationError, match="is in the memory of process"):
            send.delay()

    assert in_child(refused) == 0
    send.delay()


async def test_inside_a_loop_it_can_block_it() -> None:
    name, loop = Portal().run_blocking(where())
    assert name == "penstock-sync"
    assert loop is not asyncio.get_running_loop()


def test_it_never_waits_for_itself() -> None:
    portal = Portal()

    async def nested() -> object:
        return portal.run_blocking(where())

    with pytest.raises(ConfigurationError, match="would wait for itself"):
        portal.run(nested(), "")


def test_what_is_sent_at_the_interpreters_end_is_refused() -> None:
    """Its loop's thread stands still by then: it would wait for ever."""
    program = """
import os
from penstock import Penstock

app = Penstock("shop", url="memory://")

@app.task
def send() -> None: ...

send.delay()

class Late:
    def __del__(self):
        try:
            send.delay()
        except Exception as error:
            os.write(1, f"{type(error).__name__}: {error}".encode())

late = Late()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "NotConnected: the interpreter is ending" in done.stdout, done.stderr

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

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

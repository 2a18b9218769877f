"""Cancelling from another process stops a task within 100 ms."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from penstock import Handle, Penstock, Phase, TaskCancelled, TaskContext
from penstock.task import Task
from penstock.worker import Settings, Worker
from penstock.worker.processes import GRACE_SECONDS
from tests.waiting import wait_for

BOUND = 0.1  # seconds; of the median, for a machine may be busy with something else at any one time
TRIES = 7

# Cancels what it reads the ids of, and answers with the moment before it began (CLOCK_MONOTONIC is the machine's).
CANCELLER = """
import asyncio, sys, time
from penstock import Penstock

async def main(url, namespace):
    app = Penstock("shop", url=url, namespace=namespace)
    while line := await asyncio.to_thread(sys.stdin.readline):
        began = time.monotonic()
        await app.handle(line.strip()).cancel()
        print(began, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Canceller:
    """The other process."""

    def __init__(self, app: Penstock) -> None:
        command = [sys.executable, "-c", CANCELLER, app.url, app.namespace]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def cancel(self, id: str) -> float:
        """When it began."""
        return await asyncio.to_thread(self._ask, id)

    def _ask(self, id: str) -> float:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{id}\n")
        stdin.flush()
        return float(stdout.readline())

    def end(self) -> None:
        """With its input."""
        self._process.communicate(timeout=10)


@pytest.fixture
async def app(redis_url: str) -> AsyncIterator[Penstock]:
    app = Penstock("shop", url=redis_url, namespace=f"test-{uuid.uuid4().hex[:8]}")
    yield app
    await app.close()


@pytest.fixture
def canceller(app: Penstock) -> Iterator[Canceller]:
    canceller = Canceller(app)
    yield canceller
    canceller.end()


@asynccontextmanager
async def working(app: Penstock) -> AsyncIterator[None]:
    broker = app.broker()
    async with Worker(app.definitions, broker, Settings(["shop"], drain_seconds=1)):
        yield
    await broker.close()


async def running(handle: Handle[None]) -> None:
    async def runs() -> bool:
        return (await handle.status()).phase is Phase.RUNNING

    await wait_for(runs, "the task to run")


async def stopped(task: Task[[], None], canceller: Canceller, stops: list[float]) -> float:
    """The median time from the call in the other process to the moment at which the task stops here."""
    found = []
    for number in range(TRIES):
        handle = await task.enqueue()
        await running(handle)
        began = await canceller.cancel(handle.id)
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=5)
        await wait_for(partial(_longer, stops, number), "the task to stop")
        found.append(stops[-1] - began)
    return statistics.median(found)


async def _longer(found: list[float], than: int) -> bool:
    return len(found) > than


async def test_one_on_the_loop(app: Penstock, canceller: Canceller) -> None:
    stops: list[float] = []

    @app.task
    async def sleep() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stops.append(time.monotonic())

    async with working(app):
        assert await stopped(sleep, canceller, stops) < BOUND


async def test_one_in_a_thread_that_asks(app: Penstock, canceller: Canceller) -> None:
    stops: list[float] = []

    @app.task
    def watch(context: TaskContext = TaskContext()) -> None:
        while not context.cancelled:
            time.sleep(0.005)
        stops.append(time.monotonic())

    async with working(app):
        assert await stopped(watch, canceller, stops) < BOUND


def stubborn() -> None:
    """Asks nobody; at the top level of a module, where a process finds it."""
    time.sleep(60)


async def test_one_in_a_process_that_does_not_ask(app: Penstock, canceller: Canceller) -> None:
    """The process gets a moment to end by itself; then it is killed."""
    task = app.task(run_in="process")(stubborn)
    async with working(app):
        handle = await task.enqueue()
        await running(handle)
        began = await canceller.cancel(handle.id)
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=10)
        assert time.monotonic() - began < GRACE_SECONDS + 1


@pytest.mark.parametrize("delay", [0.0, 3600.0])
async def test_one_that_waits(app: Penstock, canceller: Canceller, delay: float) -> None:
    """Nobody needs to run it: its outcome is known as soon as the call returns."""

    @app.task
    async def never() -> None:
        raise AssertionError

    found = []
    for _ in range(TRIES):
        handle = await never.options(delay=delay).enqueue()
        began = await canceller.cancel(handle.id)
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=5)
        found.append(time.monotonic() - began)
    assert statistics.median(found) < BOUND

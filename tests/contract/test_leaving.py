"""A worker's process leaves within its drain and ten seconds, whatever its tasks, its lifespan or its Redis do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock import Penstock
from penstock.handle import Handle
from penstock.status import Phase
from tests.contract import leaving
from tests.contract.servers import Server, running
from tests.waiting import outlast, wait_for

DRAIN = 0.5
BOUND = DRAIN + 10.0


class Worker:
    """The command, and what it has logged."""

    def __init__(
        self, url: str, log: Path, *options: str, app: str = "tests.contract.leaving:app", **more: str
    ) -> None:
        self.namespace = f"test-{uuid.uuid4().hex[:8]}"
        self._log = log
        environment = os.environ | {"PENSTOCK_URL": url, "PENSTOCK_NAMESPACE": self.namespace, **more}
        environment |= {"PYTHONPATH": ":".join([".", *sys.path])}
        command = [sys.executable, "-m", "penstock.cli", "worker", app, "--drain-seconds", str(DRAIN), *options]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        self.app = Penstock("leaving", url=url, namespace=self.namespace)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def says(self, words: str, times: int = 1) -> None:
        async def said() -> bool:
            return self.log.count(words) >= times

        await wait_for(said, f"the worker to say {words!r}")

    async def runs(self, name: str) -> Handle[object]:
        """The handle of such a task, which has begun."""
        known = f"leaving.{name}"
        if known not in self.app.tasks:
            self.app.task(name=known)(leaving.app.tasks[known].definition.function)
        handle: Handle[object] = await self.app.tasks[known].enqueue()

        async def begun() -> bool:
            return (await handle.status()).phase is not Phase.QUEUED

        await wait_for(begun, f"{name} to run")
        return handle

    def ended(self, *numbers: signal.Signals, gap: float = 0.3) -> float:
        """The seconds that it takes to end after these signals."""
        began = time.monotonic()
        for earlier in numbers[:-1]:
            self.process.send_signal(earlier)
            outlast(gap, "signals that come together may come as one")
        self.process.send_signal(numbers[-1])
        self.process.wait(BOUND + 5)
        return time.monotonic() - began


@contextmanager
def worker(url: str, log: Path, *options: str, **more: str) -> Iterator[Worker]:
    """Killed if the block fails."""
    found = Worker(url, log, *options, **more)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait(10)


TASKS = ["coroutine", "swallows", "blocks", "thread", "process", "leaves_a_thread", "deafens"]


@pytest.mark.parametrize("name", TASKS)
async def test_no_task_holds_it(redis_url: str, tmp_path: Path, name: str) -> None:
    with worker(redis_url, tmp_path / "log", "--lease-seconds", "1") as one:
        await one.says("working on")
        await one.runs(name)
        if name == "deafens":
            await one.says("SIGTERM was set to SIG_IGN by code in this process")
            await one.says("the last to start was leaving.deafens")
        assert one.ended(signal.SIGTERM) < BOUND
        assert one.process.returncode in ((1,) if name == "blocks" else (0,)), one.log
        await one.app.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_second_signal_hands_back_at_once(
    redis_url: str, tmp_path: Path, number: signal.Signals, processes: str
) -> None:
    options = ("--drain-seconds", "60", "--processes", processes)
    with worker(redis_url, tmp_path / "log", *options) as one:
        await one.says("working on", int(processes))
        handle = await one.runs("coroutine")
        assert one.ended(number, number, gap=1.0) < 10
        assert one.process.returncode == 0, one.log
        assert (await handle.status()).phase is Phase.QUEUED, "it was handed back"
        assert "draining 1 tasks for at most 60 s" in one.log
        if processes == "1":
            again = "Ctrl-C" if number is signal.SIGINT else "SIGTERM"
            assert f"; {again} again hands them back now" in one.log
        await one.app.close()


async def test_a_third_signal_leaves_at_once(redis_url: str, tmp_path: Path) -> None:
    with worker(redis_url, tmp_path / "log", "--drain-seconds", "60") as one:
        await one.says("working on")
        await one.runs("swallows")
        assert one.ended(*[signal.SIGTERM] * 3) < 3
        assert one.process.returncode == 128 + signal.SIGTERM
        await one.app.close()


async def test_what_has_ended_is_settled_when_it_is_hurried(redis_url: str, tmp_path: Path) -> None:
    with worker(redis_url, tmp_path / "log", "--drain-seconds", "60") as one:
        await one.says("working on")
        await one.runs("thread")
        handles = [await one.runs("quick") for _ in range(3)]
        one.ended(signal.SIGINT, signal.SIGINT, gap=0.1)
        assert [(await handle.status()).phase for handle in handles] == [Phase.SUCCEEDED] * 3
        await one.app.close()


async def test_a_hung_lifespan_does_not_hold_it(redis_url: str, tmp_path: Path) -> None:
    with worker(redis_url, tmp_path / "log", LIFESPAN="hangs") as one:
        await one.says("working on")
        assert one.ended(signal.SIGTERM) < BOUND
        assert "its time is over" in one.log


async def test_a_hung_redis_does_not_hold_it(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis")
    with running(server), worker(server.url, tmp_path / "log") as one:
        await one.says("working on")
        await one.runs("coroutine")
        server.hold()
        try:
            assert one.ended(signal.SIGTERM) < BOUND
        finally:
            server.resume()
        await one.app.close()


async def test_an_outage_is_told_at_its_begin_and_at_its_end(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis")
    with running(server), worker(server.url, tmp_path / "log") as one:
        await one.says("working on")
        server.kill()
        await one.says("the broker is away")
        began = time.monotonic()

        async def lasted() -> bool:
            return time.monotonic() - began > 3

        await wait_for(lasted, "an outage of some length")
        server.start()
        await one.says("the broker is back after ")
        assert [one.log.count(f"the broker {said}") for said in ("is away", "has been away", "is back")] == [1, 0, 1]
        one.ended(signal.SIGTERM)


async def test_a_full_redis_is_told_as_one(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis", "--maxclients", "1")
    with running(server):
        server.admin.ping()  # it has the only connection
        with worker(server.url, tmp_path / "log") as one:
            await one.says("has no connection left: raise its maxclients or use fewer processes")


async def test_a_redis_that_wants_a_password_is_told_as_one(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis", "--requirepass", "secret", password="secret")
    with running(server), worker(server.url, tmp_path / "log") as one:
        assert one.process.wait(20) == 2, "trying again would be of no use"
        assert "it wants a password, and PENSTOCK_URL has none" in one.log


async def test_it_introduces_itself(redis_url: str, tmp_path: Path) -> None:
    with worker(redis_url, tmp_path / "log", "--queues", "hutn") as one:
        await one.says("working on")
        assert f"app leaving, broker {redis_url}, namespace {one.namespace}: working on hutn, 16 at a time" in one.log
        assert "tasks: leaving.quick, leaving.coroutine, " in one.log
        assert "no task of app leaving is sent to hutn by default: its queues are leaving; choose" in one.log
        one.ended(signal.SIGTERM)

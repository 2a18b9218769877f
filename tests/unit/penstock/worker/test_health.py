from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import aiohttp
import pytest

from penstock.broker.memory import MemoryBroker
from penstock.worker import Settings, Worker
from penstock.worker import health as module
from penstock.worker.health import STUCK_SECONDS, Health, Oversight


def free_port(count: int = 1) -> int:
    """The first of so many in a row, below those that the system gives to connections."""
    for first in random.sample(range(15_000, 30_000), 100):
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("0.0.0.0", port))
            except OSError:
                continue
            return first
    raise OSError("no free ports")


class Probes:
    """Asks as the kubelet does."""

    def __init__(self, worker: Worker, port: int) -> None:
        self.worker = worker
        self._port = port

    async def ask(self, path: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self._port}{path}") as answer:
            return answer.status


@pytest.fixture
async def probes() -> AsyncIterator[Probes]:
    worker, port = Worker({}, MemoryBroker("test"), Settings(["mail"], drain_seconds=0)), free_port()
    async with Health(worker, port):
        yield Probes(worker, port)


async def test_before_it_works_it_is_alive_but_not_ready(probes: Probes) -> None:
    assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (200, 503)


async def test_while_it_works_it_is_ready(probes: Probes) -> None:
    async with probes.worker:
        assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (200, 200)
    assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (200, 503)


async def test_a_stuck_one_is_not_alive(probes: Probes) -> None:
    probes.worker.working = True
    probes.worker.last_pulse = asyncio.get_running_loop().time() - STUCK_SECONDS - 1
    assert await probes.ask("/healthz") == 500


@asynccontextmanager
async def overseen(*workers: Worker | None) -> AsyncIterator[Probes]:
    """The probes of a pod with a process for each worker; None stands for one that is being started."""
    port = free_port(1 + len(workers))
    async with AsyncExitStack() as stack:
        for number, worker in enumerate(workers):
            if worker is not None:
                await stack.enter_async_context(Health(worker, port + 1 + number))
        async with Oversight(port, len(workers)):
            yield Probes(Worker({}, MemoryBroker("test"), Settings(["mail"])), port)


def process(*, working: bool = True, silent: float = 0.0) -> Worker:
    worker = Worker({}, MemoryBroker("test"), Settings(["mail"]))
    worker.working, worker.last_pulse = working, asyncio.get_running_loop().time() - silent
    return worker


class TestSeveralProcesses:
    async def test_all_well(self) -> None:
        async with overseen(process(), process()) as probes:
            assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (200, 200)

    async def test_one_that_is_being_started_again_harms_nobody(self) -> None:
        async with overseen(process(), None) as probes:
            assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (200, 200)

    async def test_while_none_works_it_is_not_ready(self) -> None:
        async with overseen(process(working=False), None) as probes:
            assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (200, 503)

    async def test_one_that_is_stuck_is_not_alive(self) -> None:
        async with overseen(process(), process(silent=STUCK_SECONDS + 1)) as probes:
            assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (500, 200)

    async def test_one_that_does_not_answer_is_not_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
        port = free_port(2)
        silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port + 1)
        async with silent, Oversight(port, 1):
            probes = Probes(process(), port)
            assert (await probes.ask("/healthz"), await probes.ask("/readyz")) == (500, 503)

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from penstock.broker.memory import MemoryBroker
from penstock.worker import Settings, Worker
from penstock_worker.health import STUCK_SECONDS, Health


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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

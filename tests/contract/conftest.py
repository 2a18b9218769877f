"""Every contract test runs on every broker. Redis is started from PATH unless PENSTOCK_TEST_REDIS names one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.broker import Broker, connect
from tests.contract.load import DURABLE
from tests.contract.servers import Server, running
from tests.contract.shop import Shop
from tests.waiting import wait_sync


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("PENSTOCK_TEST_REDIS"):
        yield given
        return
    program = shutil.which("redis-server")
    assert program, (
        "redis-server isn't on PATH: install it (Debian: apt-get install redis-server) or set PENSTOCK_TEST_REDIS"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=(folder / "log").open("wb"))
    try:
        wait_sync(lambda: _answers(port), "redis-server to listen")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["memory", "streams"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    # A namespace of its own keeps tests apart on one server.
    broker = connect(url, f"test-{uuid.uuid4().hex[:8]}")
    yield broker
    await broker.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that a test may kill: what it has acknowledged is on the disk."""
    server = Server(tmp_path_factory.mktemp("redis"), *DURABLE)
    with running(server):
        yield server


@pytest.fixture
async def shop(server: Server) -> AsyncIterator[Shop]:
    """Empty again after each test."""
    shop = Shop(server.url)
    yield shop
    await shop.app.close()
    server.admin.flushall()

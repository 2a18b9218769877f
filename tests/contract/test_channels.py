"""Announcements: with their payload, after reconnects, and without leaving anything behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.broker.streams.channels import Channels
from penstock.broker.streams.connection import Connection
from penstock.errors import NotConnected
from tests.contract.proxy import proxied
from tests.contract.servers import Server, running, use_test_library
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_library(monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


@pytest.fixture
async def connection(server: Server) -> AsyncIterator[Connection]:
    connection = Connection(server.url, patience=5)
    yield connection
    await asyncio.wait_for(connection.close(), 10)


async def heard(connection: Connection, channel: str, message: str) -> bool:
    """Announce it; whether one subscriber got it."""
    try:
        return await connection.call("test_announce", [channel], [message]) == 1
    except NotConnected:
        return False


async def test_an_announcement_carries_its_payload(connection: Connection) -> None:
    channels = Channels(connection)
    async with channels.listening("done", "q.1") as announced, channels.listening("done", "q.2") as other:
        await connection.call("test_announce", ["done"], [b"q.2\n\x00two\nlines"])
        await connection.call("test_announce", ["done"], ["q.1"])
        assert await other() == b"\x00two\nlines"
        assert await announced() == b""
    await channels.close()


async def test_it_is_time_to_look_again(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    channels = Channels(connection)
    async with channels.listening("done", "q.1") as announced:
        monkeypatch.setattr("penstock.broker.streams.channels.LOOK_AGAIN_SECONDS", 0.05)
        assert await announced() is None
    await channels.close()


async def test_subscriptions_survive_restarts(server: Server, connection: Connection) -> None:
    channels = Channels(connection)
    control = channels.messages(["control"])
    first = asyncio.ensure_future(anext(control))
    async with channels.listening("done", "q.1") as announced:
        server.kill()
        server.start()
        assert await asyncio.wait_for(announced(), 4) is None  # what was announced meanwhile was missed
        await wait_for(lambda: heard(connection, "control", "x"), "the control channel's subscriber")
        assert await asyncio.wait_for(first, 5) == "x"
        await connection.call("test_announce", ["done"], ["q.1\nend"])
        assert await asyncio.wait_for(announced(), 5) == b"end"
    await control.aclose()
    await channels.close()


async def test_a_silent_subscription_is_made_anew(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.broker.streams.subscription.SILENCE_SECONDS", 0.1)
    async with proxied(server.port) as proxy:
        connection = Connection(proxy.url)
        channels = Channels(connection)
        async with channels.listening("done", "q.1") as announced:
            proxy.deaf = True
            asyncio.get_running_loop().call_later(0.3, setattr, proxy, "deaf", False)
            assert await asyncio.wait_for(announced(), 4) is None
            await connection.call("test_announce", ["done"], ["q.1\nend"])
            assert await asyncio.wait_for(announced(), 5) == b"end"
        await channels.close()
        await connection.close()


async def test_waiters_leave_nothing_behind(connection: Connection) -> None:
    channels = Channels(connection)

    async def wait(number: int) -> None:
        async with channels.listening("done", f"q.{number % 7}") as announced:
            await announced()

    waiters = [asyncio.create_task(wait(number)) for number in range(100)]
    await wait_for(lambda: heard(connection, "done", "q.0"), "the subscription")
    for waiter in waiters[::2]:
        waiter.cancel()
    for number in range(7):
        await connection.call("test_announce", ["done"], [f"q.{number}"])
    await asyncio.wait(waiters, timeout=5)
    assert all(waiter.done() for waiter in waiters)
    assert not channels._waiting
    await channels.close()

"""What the connection makes of a Redis that says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock.broker.streams.connection import Connection
from penstock.errors import ConfigurationError, NotConnected, SubmissionError, TooLarge
from tests.contract.servers import Server, running, use_test_library
from tests.waiting import wait_for

SET, STREAM = "penstock:{test/q}:set", "penstock:{test/q}:stream"
READ = ("XREADGROUP", "GROUP", "g", "c", "BLOCK", 300, "STREAMS", STREAM, ">")


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_library(monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"), "--busy-reply-threshold", "100")
    with running(server):
        yield server


@pytest.fixture
async def connection(server: Server) -> AsyncIterator[Connection]:
    connection = Connection(server.url, patience=5)
    yield connection
    await asyncio.wait_for(connection.close(), 10)
    server.admin.flushall()


async def works(connection: Connection) -> bool:
    try:
        await connection.call("test_add", [SET], ["again"])
    except NotConnected:
        return False
    return True


async def refused(connection: Connection, why: str) -> bool:
    try:
        await connection.call("test_add", [SET], ["x"])
    except NotConnected as error:
        return why in str(error)
    return False


async def blocked(server: Server, number: int) -> bool:
    return bool(server.admin.info("clients")["blocked_clients"] == number)


async def test_a_demoted_master(server: Server, connection: Connection) -> None:
    assert await works(connection)
    before = await connection.command("CLIENT", "ID")
    server.admin.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(NotConnected, match="is a replica"):
            await connection.call("test_add", [SET], ["x"])
    finally:
        server.admin.replicaof("NO", "ONE")
    assert await works(connection)
    assert await connection.command("CLIENT", "ID") != before


async def test_a_read_that_blocks_on_a_demoted_master(server: Server, connection: Connection) -> None:
    await connection.command("XGROUP", "CREATE", STREAM, "g", "0", "MKSTREAM")
    read = asyncio.create_task(connection.command(*READ))
    await wait_for(lambda: blocked(server, 1), "the read to block")
    server.admin.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(NotConnected, match="UNBLOCKED"):
            await read
    finally:
        server.admin.replicaof("NO", "ONE")


async def test_a_full_redis(server: Server, connection: Connection) -> None:
    assert await works(connection)
    server.admin.config_set("maxmemory", "100kb")
    try:
        with pytest.raises(SubmissionError, match="is full: nothing new is taken until") as error:
            await connection.call("test_add_unless_full", [SET], ["x"])
        assert not isinstance(error.value, NotConnected)
        assert await connection.call("test_add", [SET], ["x"]) == 1
    finally:
        server.admin.config_set("maxmemory", 0)


async def test_a_script_that_does_not_end(server: Server, connection: Connection) -> None:
    assert await works(connection)
    endless = asyncio.create_task(connection.call("test_for_ever", [], []))
    other = Connection(server.url)
    try:
        await wait_for(lambda: refused(other, "FUNCTION KILL"), "Redis to be held up")
    finally:
        server.admin.execute_command("FUNCTION", "KILL")
    with pytest.raises(SubmissionError):
        await endless
    assert await works(other)
    await other.close()


async def test_no_connection_left(server: Server, connection: Connection) -> None:
    server.admin.config_set("maxclients", 1)
    try:
        # Redis may hang up so fast that its reason is lost.
        await wait_for(lambda: refused(connection, "raise its maxclients"), "Redis to say why")
    finally:
        server.admin.config_set("maxclients", 10000)


async def test_the_login_isrefused(server: Server) -> None:
    server.admin.acl_setuser("limited", enabled=True, passwords=["+secret"], keys=["penstock:*"], commands=["+get"])
    wrong = Connection(f"redis://limited:guess@{server.where}")
    with pytest.raises(ConfigurationError, match="check PENSTOCK_URL's user and password") as error:
        await wrong.command("PING")
    assert "guess" not in str(error.value)
    right = Connection(f"redis://limited:secret@{server.where}")
    with pytest.raises(SubmissionError, match=r"forbids it.*NOPERM"):
        await right.command("GET", "other")
    assert await right.commands([("GET", SET)]) == [None]
    await wrong.close()
    await right.close()


async def test_a_password_is_wanted(server: Server) -> None:
    server.admin.acl_setuser("default", enabled=True, reset_passwords=True, passwords=["+secret"])
    try:
        connection = Connection(server.url)
        with pytest.raises(ConfigurationError, match="refuses the login"):
            await connection.command("PING")
        await connection.close()
    finally:
        server.admin.acl_setuser("default", enabled=True, nopass=True)


async def test_eviction_isrefused(server: Server, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    await connection.check()
    server.admin.config_set("maxmemory-policy", "volatile-lru")
    await connection.check()
    server.admin.config_set("maxmemory", "1gb")
    try:
        with pytest.raises(ConfigurationError, match="volatile-lru; make it noeviction"):
            await connection.check()
        monkeypatch.setenv("PENSTOCK_ALLOW_EVICTION", "1")
        await connection.check()
    finally:
        server.admin.config_set("maxmemory", 0)
        server.admin.config_set("maxmemory-policy", "noeviction")


async def test_what_may_not_be_asked_passes(server: Server) -> None:
    server.admin.acl_setuser("worker", enabled=True, nopass=True, commands=["+fcall"])
    connection = Connection(f"redis://worker:any@{server.where}")
    await connection.check()
    await connection.close()


async def test_what_is_too_large_to_be_read_fails_no_other(tmp_path: Path) -> None:
    server = Server(tmp_path, "--proto-max-bulk-len", "2mb")
    with running(server):
        connection = Connection(server.url, patience=5)
        calls = [
            connection.command("SET", key, value) for key, value in (("a", "1"), ("b", "x" * 3_000_000), ("c", "1"))
        ]
        before, refused, behind = await asyncio.gather(*calls, return_exceptions=True)
        assert (before, behind) == (b"OK", b"OK")
        assert isinstance(refused, TooLarge)
        replies = await connection.commands([("GET", "a"), ("SET", "d", "x" * 3_000_000), ("GET", "c")])
        assert replies[::2] == [b"1", b"1"]
        assert isinstance(replies[1], TooLarge)
        await asyncio.wait_for(connection.close(), 10)

"""What the connection does when Redis dies or stalls, and when callers are cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from penstock.broker.streams.address import parsed
from penstock.broker.streams.connection import BlockingConnection, Connection
from penstock.broker.streams.node import Node
from penstock.errors import NotConnected, SubmissionError
from tests.contract.proxy import proxied
from tests.contract.servers import Server, running, use_test_library
from tests.waiting import wait_for, wait_sync

SET, STREAM = "penstock:{test/q}:set", "penstock:{test/q}:stream"
READ = ("XREADGROUP", "GROUP", "g", "c", "BLOCK", 300, "STREAMS", STREAM, ">")
PATIENCE = 0.6


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_library(monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--appendonly", "yes", "--appendfsync", "always")
    server = Server(tmp_path_factory.mktemp("redis"), *options)
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


def clients(server: Server) -> int:
    return int(server.admin.info("clients")["connected_clients"]) - 1  # without the one who asks


class TestRestart:
    async def test_calls_fail_as_not_connected_and_work_again(self, server: Server, connection: Connection) -> None:
        numbers, kept, failed, ended = count(), set[int](), list[Exception](), asyncio.Event()

        async def add_for_ever() -> None:
            while not ended.is_set():
                number = next(numbers)
                try:
                    async with asyncio.timeout(5):
                        await connection.call("test_add", [SET], [number])
                    kept.add(number)
                except NotConnected as error:
                    failed.append(error)
                    await asyncio.sleep(0.01)

        async def more(what: str) -> None:
            before = len(kept)

            async def enough() -> bool:
                return len(kept) >= before + 100

            await wait_for(enough, what)

        async with asyncio.TaskGroup() as callers:
            for _ in range(8):
                callers.create_task(add_for_ever())
            for _ in range(2):
                await more("calls to be answered")
                server.kill()
                server.start()
                await more("calls after the restart")
            ended.set()
        assert failed
        # What was answered is there; what failed may be there, too.
        assert {int(member) for member in server.admin.smembers(SET)} >= kept
        assert clients(server) <= 1

    async def test_a_blocking_read_ends(self, server: Server, connection: Connection) -> None:
        await connection.command("XGROUP", "CREATE", STREAM, "g", "0", "MKSTREAM")
        reads = [asyncio.create_task(connection.command(*READ)) for _ in range(3)]
        await wait_for(lambda: blocked(server, 3), "the reads to block")
        server.kill()
        ended = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 5)
        assert [type(error) for error in ended] == [NotConnected] * 3
        server.start()
        server.ready()
        assert await connection.command(*READ) is None

    async def test_an_unused_connection_is_made_anew(self, server: Server, connection: Connection) -> None:
        assert await works(connection)
        server.kill()
        server.start()
        server.ready()
        await wait_for(lambda: works(connection), "the next call", patience=1)

    async def test_a_redis_that_is_still_loading(self, tmp_path: Path) -> None:
        server = Server(tmp_path)
        with running(server):
            server.admin.mset({f"key:{number}": "x" * 1000 for number in range(100)})
            server.admin.save()
            server.kill()
            # 100 keys at 10 ms each; it looks at its clients once in a kilobyte.
            server.start("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
            connection = Connection(server.url)
            assert await refused(connection, "still loading its data")
            await wait_for(lambda: works(connection), "the data to be loaded")
            await connection.close()


async def refused(connection: Connection, why: str) -> bool:
    try:
        await connection.call("test_add", [SET], ["x"])
    except NotConnected as error:
        return why in str(error)
    return False


class TestLibrary:
    async def test_a_connection_that_is_lost_while_it_is_loaded(self, server: Server) -> None:
        async with proxied(server.port) as proxy:
            connection = Connection(proxy.url)
            await connection.command("PING")
            server.admin.function_flush("SYNC")
            proxy.cut_after = len("-ERR Function not found\r\n$1")
            with pytest.raises(NotConnected):
                await connection.call("test_add", [SET], ["lost"])
            assert await works(connection)
            await connection.close()

    async def test_all_that_miss_it_wait_for_one_load(self, server: Server, connection: Connection) -> None:
        server.admin.function_flush("SYNC")
        server.admin.set(f"{SET}:text", "a")
        server.admin.config_resetstat()
        calls = [("FCALL", "test_add", 1, SET, number) for number in range(500)]
        replies = await connection.commands([*calls, ("PING",), ("INCR", f"{SET}:text")])
        assert replies[:501] == [1] * 500 + [b"PONG"]
        assert isinstance(replies[501], SubmissionError)
        assert server.admin.info("commandstats")["cmdstat_function|load"]["calls"] == 1
        assert server.admin.info("commandstats")["cmdstat_fcall"]["calls"] <= 1000


async def blocked(server: Server, number: int) -> bool:
    return bool(server.admin.info("clients")["blocked_clients"] == number)


class TestNetwork:
    async def test_a_reset_in_the_middle_of_a_batch(self, server: Server) -> None:
        async with proxied(server.port) as proxy:
            connection = Connection(proxy.url)
            await connection.command("PING")
            proxy.cut_after = 1234
            with pytest.raises(NotConnected):
                await connection.commands([("ECHO", "x" * 100)] * 100)
            assert await connection.commands([("ECHO", "x")] * 100) == [b"x"] * 100
            await connection.close()

    async def test_a_connection_that_leads_nowhere(self, server: Server) -> None:
        """A NAT that has forgotten it: bytes go out, none come back."""
        async with proxied(server.port) as proxy:
            connection = Connection(proxy.url, patience=PATIENCE)
            await connection.command("PING")
            proxy.deaf = True
            with pytest.raises(NotConnected, match=f"no answer within {PATIENCE:g} s"):
                await connection.command("PING")
            proxy.deaf = False
            assert await connection.command("PING") == b"PONG"
            await connection.close()

    async def test_a_server_that_accepts_and_stays_silent(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("penstock.broker.streams.line.CONNECT_SECONDS", PATIENCE)
        connection = Connection(server.url, patience=PATIENCE)
        server.hold()
        try:
            with pytest.raises(NotConnected):
                await asyncio.wait_for(connection.command("PING"), 5)
        finally:
            server.resume()
        assert await connection.command("PING") == b"PONG"
        await connection.close()

    async def test_a_slow_server_is_waited_for(self, server: Server, connection: Connection) -> None:
        await connection.command("PING")
        server.hold()
        asyncio.get_running_loop().call_later(PATIENCE, server.resume)
        assert await connection.command("PING") == b"PONG"

    async def test_a_held_up_event_loop_is_not_the_servers_fault(self, server: Server) -> None:
        connection = Connection(server.url, patience=PATIENCE)
        await connection.command("PING")
        reply = asyncio.create_task(connection.command("PING"))
        await asyncio.sleep(0)
        threading.Event().wait(2 * PATIENCE)
        assert await reply == b"PONG"
        await connection.close()


class TestPool:
    async def test_blocking_reads_hold_up_nobody(self, server: Server, connection: Connection) -> None:
        await connection.command("XGROUP", "CREATE", STREAM, "g", "0", "MKSTREAM")
        read = asyncio.create_task(connection.command(*READ))
        await wait_for(lambda: blocked(server, 1), "the read to block")
        assert await connection.command("PING") == b"PONG"
        assert not read.done()
        assert await read is None

    async def test_a_full_pool_is_waited_for(
        self, server: Server, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("penstock.broker.streams.node.POOL_SIZE", 2)
        await connection.command("XGROUP", "CREATE", STREAM, "g", "0", "MKSTREAM")
        reads = asyncio.gather(*(connection.command(*READ) for _ in range(5)))
        await wait_for(lambda: blocked(server, 2), "two reads to block")
        assert await asyncio.wait_for(reads, 5) == [None] * 5
        assert clients(server) <= 3

    async def test_cancelled_callers_cost_no_connection(
        self, server: Server, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("penstock.broker.streams.node.POOL_SIZE", 4)
        await connection.command("XGROUP", "CREATE", STREAM, "g", "0", "MKSTREAM")
        commands: list[tuple[str | int, ...]] = [("PING",), READ]
        for turn in range(60):
            caller = asyncio.create_task(connection.command(*commands[turn % 2]))
            for _ in range(turn % 7):
                await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait({caller}, timeout=5)
            assert caller.done()
        wait_sync(lambda: clients(server) <= 5, "what was opened for cancelled callers to be closed", patience=5)
        assert await asyncio.wait_for(connection.commands([("PING",), READ]), 5) == [b"PONG", None]

    async def test_closing_waits_for_what_is_under_way(self, server: Server) -> None:
        connection = Connection(server.url)
        await connection.call("test_add", [SET], ["first"])
        caller = asyncio.create_task(connection.call("test_add", [SET], ["last"]))
        await asyncio.sleep(0)
        caller.cancel()
        await connection.close()
        assert server.admin.sismember(SET, "last")

    async def test_what_is_dropped_was_not_answered(self, server: Server, connection: Connection) -> None:
        await connection.command("XGROUP", "CREATE", STREAM, "g", "0", "MKSTREAM")
        node = Node(parsed(server.url), parsed(server.url).places[0], 5)
        read = asyncio.create_task(node.ask([READ]))
        await wait_for(lambda: blocked(server, 1), "the read to block")
        node.drop("it was dropped")
        [reply] = await read
        assert isinstance(reply, ConnectionError), "Redis' own refusals are ResponseErrors: nothing was executed"
        assert await node.ask([("PING",), READ]) == [b"PONG", None]
        await node.close()


class TestBlockingConnection:
    async def test_it_may_be_closed_again_and_used_again(self, server: Server) -> None:
        connection = BlockingConnection(server.url)
        for member in ("first", "second"):
            assert connection.call("test_add", [SET], [member]) == 1
            connection.close()
            connection.close()

    async def test_from_any_thread(self, server: Server) -> None:
        connection = BlockingConnection(server.url)
        assert connection.call("test_add", [SET], ["here"]) == 1
        assert await asyncio.to_thread(connection.call, "test_add", [SET], ["there"]) == 1
        server.kill()
        with pytest.raises(NotConnected):
            connection.call("test_add", [SET], ["nowhere"])
        server.start()
        server.ready()
        assert connection.call("test_add", [SET], ["anew"]) == 1
        connection.close()
        assert "penstock-blocking" not in {thread.name for thread in threading.enumerate()}

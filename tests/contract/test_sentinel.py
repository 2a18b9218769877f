"""Redis Sentinel: a master and a replica, watched by one sentinel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.exceptions import ResponseError

from penstock.broker.streams.channels import Channels
from penstock.broker.streams.connection import BlockingConnection, Connection
from penstock.errors import ConfigurationError, NotConnected
from tests.contract.servers import REPLICATION, Server, running, use_test_library
from tests.waiting import wait_for, wait_sync

SET = "penstock:{test/q}:set"
BOUND = 10.0  # seconds in which calls succeed again; the sentinel needs one or two of them


class Watch:
    """Two servers, of which one is the master, and the sentinel."""

    def __init__(self, servers: list[Server], sentinel: Server) -> None:
        self.servers = servers
        self.sentinel = sentinel
        # Nobody listens at the first sentinel's address.
        self.url = f"redis+sentinel://127.0.0.1:1,{sentinel.where}/main/0"

    def master(self) -> Server:
        _, port = self.sentinel.admin.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")
        return next(server for server in self.servers if server.port == int(port))

    def fail_over(self) -> bool:
        try:
            return bool(self.sentinel.admin.execute_command("SENTINEL", "FAILOVER", "main"))
        except ResponseError:  # NOGOODSLAVE
            return False


@pytest.fixture
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    servers = [Server(tmp_path_factory.mktemp("redis"), *REPLICATION) for _ in range(2)]
    settings = (
        f"sentinel monitor main 127.0.0.1 {servers[0].port} 1",
        "sentinel down-after-milliseconds main 500",
        "sentinel failover-timeout main 2000",
    )
    sentinel = Server(tmp_path_factory.mktemp("sentinel"), sentinel="\n".join(settings))
    with running(*servers):
        servers[1].admin.replicaof("127.0.0.1", servers[0].port)
        wait_sync(lambda: servers[1].admin.info("replication")["master_link_status"] == "up", "the replica")
        with running(sentinel):
            yield Watch(servers, sentinel)


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_library(monkeypatch)


@pytest.fixture
async def connection(watch: Watch) -> AsyncIterator[Connection]:
    connection = Connection(watch.url, patience=2)
    yield connection
    await asyncio.wait_for(connection.close(), 10)


async def port(connection: Connection) -> int:
    reply = await connection.command("CONFIG", "GET", "port")
    assert isinstance(reply, list)
    return int(reply[1])


async def works_at(connection: Connection, server: Server) -> bool:
    """Whether this one takes a task."""
    try:
        async with asyncio.timeout(5):
            await connection.call("test_add", [SET], [time.time()])
            return await port(connection) == server.port
    except NotConnected:
        return False


async def test_the_master_is_found(watch: Watch, connection: Connection) -> None:
    assert await works_at(connection, watch.master())
    await connection.check()


async def test_a_failover_that_was_asked_for(watch: Watch, connection: Connection) -> None:
    former = watch.master()
    latter = next(server for server in watch.servers if server is not former)
    renewals = BlockingConnection(watch.url)
    assert renewals.call("test_add", [SET], ["renewed"]) == 1
    assert await works_at(connection, former)
    started = time.monotonic()
    wait_sync(watch.fail_over, "the sentinel to know the replica")
    await wait_for(lambda: works_at(connection, latter), "the new master", patience=BOUND)
    await wait_for(lambda: _renews(renewals), "renewals at the new master", patience=started + BOUND - time.monotonic())
    renewals.close()


async def _renews(renewals: BlockingConnection) -> bool:
    try:
        return renewals.call("test_add", [SET], [time.time()]) == 1
    except NotConnected:
        return False


async def test_the_master_dies(watch: Watch, connection: Connection) -> None:
    former = watch.master()
    latter = next(server for server in watch.servers if server is not former)
    channels = Channels(connection)
    async with channels.listening("done", "q.1") as announced:
        assert await works_at(connection, former)
        former.kill()
        with pytest.raises(NotConnected):
            await asyncio.wait_for(connection.call("test_add", [SET], ["lost"]), 5)
        await wait_for(lambda: works_at(connection, latter), "the new master", patience=BOUND)

        async def heard() -> bool:
            await connection.call("test_announce", ["done"], ["q.1\nend"])
            return await announced() == b"end"

        await wait_for(heard, "an announcement at the new master")
    await channels.close()


async def test_a_master_that_stands_still(watch: Watch, connection: Connection) -> None:
    """Its connections stay open: only silence tells."""
    former = watch.master()
    latter = next(server for server in watch.servers if server is not former)
    assert await works_at(connection, former)
    former.hold()
    try:
        await wait_for(lambda: works_at(connection, latter), "the new master", patience=BOUND)
    finally:
        former.resume()


async def test_a_master_that_nobody_knows(watch: Watch) -> None:
    connection = Connection(f"redis+sentinel://{watch.sentinel.where}/mian")
    with pytest.raises(ConfigurationError, match="know no master 'mian'"):
        await connection.command("PING")
    await connection.close()

"""Redis Cluster: three primaries and a replica of the first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import cast

import pytest
from redis.crc import key_slot

from penstock.broker.streams.channels import Channels
from penstock.broker.streams.connection import BlockingConnection, Connection
from penstock.errors import ConfigurationError, NotConnected, PenstockError
from tests.contract.servers import REPLICATION, Server, free_port, running, use_test_library
from tests.waiting import wait_for, wait_sync

SLOTS = 16384
THIRDS = ((0, 5460), (5461, 10922), (10923, SLOTS - 1))


_names = (f"penstock:{{test/q{number}}}:set" for number in count())


def new_queue(server: int) -> str:
    """A key of a queue, never used before, that this server has."""
    first, last = THIRDS[server]
    return next(name for name in _names if first <= key_slot(name.encode()) <= last)


KEYS = [new_queue(server) for server in range(3)]


def tell(server: Server, *command: str | int) -> object:
    return cast("object", server.admin.execute_command(*command))


def known_nodes(server: Server) -> int:
    return str(tell(server, "CLUSTER", "NODES")).count("@")


class Cluster:
    """Its servers. The first three have a third of the slots each, and the fourth is a replica of the first."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers
        self.url = f"redis+cluster://{','.join(server.where for server in servers)}"

    def form(self) -> None:
        for server, (first, last) in zip(self.servers, THIRDS, strict=False):
            tell(server, "CLUSTER", "ADDSLOTSRANGE", first, last)
            tell(server, "CLUSTER", "SET-CONFIG-EPOCH", first + 1)
        bus = str(self.servers[0].admin.config_get("cluster-port")["cluster-port"])
        for server in self.servers[1:]:
            tell(server, "CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, bus)
        wait_sync(lambda: all(known_nodes(server) == 4 for server in self.servers), "the servers to meet")
        tell(self.servers[3], "CLUSTER", "REPLICATE", self.id(0))
        wait_sync(lambda: self.servers[3].admin.info("replication")["role"] == "slave", "the replica")
        wait_sync(lambda: all(map(self._ok, self.servers)), "the cluster to be formed")

    def _ok(self, server: Server) -> bool:
        return "cluster_state:ok" in str(tell(server, "CLUSTER", "INFO"))

    def id(self, index: int) -> str:
        return cast("bytes", tell(self.servers[index], "CLUSTER", "MYID")).decode()

    def begin_to_move(self, key: str, source: int, target: int) -> None:
        slot = key_slot(key.encode())
        tell(self.servers[target], "CLUSTER", "SETSLOT", slot, "IMPORTING", self.id(source))
        tell(self.servers[source], "CLUSTER", "SETSLOT", slot, "MIGRATING", self.id(target))

    def finish_to_move(self, key: str, source: int, target: int) -> None:
        slot, port = key_slot(key.encode()), self.servers[target].port
        for name in cast("list[bytes]", tell(self.servers[source], "CLUSTER", "GETKEYSINSLOT", slot, 100)):
            self.servers[source].admin.execute_command("MIGRATE", "127.0.0.1", port, name, 0, 1000)
        for server in (self.servers[target], self.servers[source]):
            tell(server, "CLUSTER", "SETSLOT", slot, "NODE", self.id(target))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *REPLICATION)
    folders = [tmp_path_factory.mktemp("cluster") for _ in range(4)]
    servers = [Server(folder, *options, "--cluster-port", str(free_port())) for folder in folders]
    with running(*servers):
        cluster = Cluster(servers)
        cluster.form()
        yield cluster


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_library(monkeypatch)


@pytest.fixture
async def connection(cluster: Cluster) -> AsyncIterator[Connection]:
    connection = Connection(cluster.url)
    yield connection
    await asyncio.wait_for(connection.close(), 10)


async def works(connection: Connection, *keys: str) -> bool:
    try:
        for key in keys:
            await connection.call("test_add", [key], [time.time()])
    except NotConnected:
        return False
    return True


async def test_every_queue_is_found_by_any_server(cluster: Cluster) -> None:
    for server in cluster.servers:
        connection = Connection(f"redis+cluster://127.0.0.1:1,{server.where}")
        assert [await connection.call("test_add", [key], [server.where]) for key in KEYS] == [1, 1, 1]
        await connection.close()


async def test_commands_span_queues(connection: Connection) -> None:
    commands = [("SET", f"{key}:{number}", number) for number in range(5) for key in KEYS]
    assert await connection.commands(commands) == [b"OK"] * 15
    found = await connection.commands([("GET", key) for _, key, _ in commands])
    assert found == [str(number).encode() for _, _, number in commands]


async def test_a_refusal_keeps_its_place(connection: Connection) -> None:
    await connection.commands([("SET", f"{key}:text", "a") for key in KEYS])
    replies = await connection.commands([("GET", f"{KEYS[0]}:text"), ("INCR", f"{KEYS[1]}:text"), ("PING",)])
    assert [replies[0], replies[2]] == [b"a", b"PONG"]
    assert isinstance(replies[1], PenstockError)


async def test_what_one_server_does_not_say_is_its_own(cluster: Cluster, connection: Connection) -> None:
    await connection.commands([("SET", f"{key}:each", 1) for key in KEYS])
    cluster.servers[1].hold()
    try:
        replies = await connection.each([("GET", f"{key}:each") for key in KEYS], patience=0.2)
    finally:
        cluster.servers[1].resume()
    assert [replies[0], replies[2]] == [b"1", b"1"]
    assert isinstance(replies[1], NotConnected)
    assert await connection.each([("GET", f"{key}:each") for key in KEYS], patience=10) == [b"1"] * 3


async def test_what_no_server_says_is_nobodys() -> None:
    connection = Connection("redis+cluster://127.0.0.1:1")
    replies = await connection.each([("GET", key) for key in KEYS], patience=1)
    assert [type(reply) for reply in replies] == [NotConnected] * 3
    await connection.close()


async def test_a_blocking_read_goes_to_its_queue(connection: Connection) -> None:
    for key in KEYS:
        stream = f"{key}:stream"
        await connection.command("XGROUP", "CREATE", stream, "g", "0", "MKSTREAM")
        read = ("XREADGROUP", "GROUP", "g", "c", "BLOCK", 1000, "STREAMS", stream, ">")
        reading = asyncio.create_task(connection.command(*read))
        await connection.command("XADD", stream, "1-1", "a", "b")
        assert await reading == [[stream.encode(), [[b"1-1", [b"a", b"b"]]]]]


async def test_a_queue_that_has_moved_is_followed(cluster: Cluster, connection: Connection) -> None:
    key = new_queue(1)
    assert await connection.call("test_add", [key], ["before"]) == 1
    cluster.begin_to_move(key, 1, 2)
    cluster.finish_to_move(key, 1, 2)
    assert await connection.call("test_add", [key], ["after"]) == 1
    assert await connection.command("SCARD", key) == 2


async def half_moved(cluster: Cluster, connection: Connection, key: str) -> None:
    """One of its keys is at server 2 still, the other at server 1 already."""
    await connection.command("SADD", f"{key}:old", "old")
    cluster.begin_to_move(key, 2, 1)
    assert await connection.call("test_add", [key], ["new"]) == 1  # it is made where the queue moves to
    assert await connection.command("SMEMBERS", f"{key}:old") == [b"old"]


async def test_a_queue_that_is_being_moved_is_waited_for(cluster: Cluster, connection: Connection) -> None:
    key = new_queue(2)
    await half_moved(cluster, connection, key)
    both = asyncio.create_task(connection.command("SUNIONSTORE", f"{key}:both", key, f"{key}:old"))
    asyncio.get_running_loop().call_later(0.3, cluster.finish_to_move, key, 2, 1)
    assert await asyncio.wait_for(both, 5) == 2


async def test_a_move_that_does_not_end_is_told(cluster: Cluster, connection: Connection) -> None:
    key = new_queue(2)
    await half_moved(cluster, connection, key)
    with pytest.raises(NotConnected, match="is moving this queue"):
        await asyncio.wait_for(connection.command("SUNIONSTORE", f"{key}:both", key, f"{key}:old"), 10)
    cluster.finish_to_move(key, 2, 1)
    assert await connection.command("SUNIONSTORE", f"{key}:both", key, f"{key}:old") == 2


async def test_a_lost_library_is_loaded_where_it_is_missing(cluster: Cluster, connection: Connection) -> None:
    assert await works(connection, *KEYS)
    tell(cluster.servers[1], "FUNCTION", "FLUSH")
    calls = (connection.call("test_add", [key], [number]) for number in range(20) for key in KEYS)
    assert await asyncio.gather(*calls) == [1] * 60


async def test_all_primaries_are_checked(cluster: Cluster, connection: Connection) -> None:
    await connection.check()
    admin = cluster.servers[2].admin
    admin.config_set("maxmemory", "1gb")
    admin.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigurationError, match=f":{cluster.servers[2].port} may throw tasks away"):
            await connection.check()
    finally:
        admin.config_set("maxmemory", 0)
        admin.config_set("maxmemory-policy", "noeviction")


async def test_announcements_are_heard_wherever_they_are_made(connection: Connection) -> None:
    channels = Channels(connection)
    for number, key in enumerate(KEYS):
        async with channels.listening(f"{key}:done", f"q.{number}") as announced:
            await connection.call("test_announce", [f"{key}:done"], [f"q.{number}\nend"])
            assert await asyncio.wait_for(announced(), 5) == b"end"
    await channels.close()


async def test_leases_are_renewed_on_every_server(cluster: Cluster) -> None:
    connection = BlockingConnection(cluster.url)
    assert [connection.call("test_add", [key], ["renewed"]) for key in KEYS] == [1, 1, 1]
    connection.close()


async def test_the_wrong_scheme_is_told(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    single = Connection(cluster.servers[0].url)
    with pytest.raises(ConfigurationError, match=r"is part of a cluster: use redis\+cluster://"):
        await single.commands([("GET", key) for key in KEYS])
    await single.close()
    lonely = Server(tmp_path_factory.mktemp("redis"))
    with running(lonely):
        clustered = Connection(f"redis+cluster://{lonely.where}")
        with pytest.raises(ConfigurationError, match="isn't part of a cluster: use redis://"):
            await clustered.command("GET", KEYS[0])
        await clustered.close()


async def test_a_primary_dies(cluster: Cluster, connection: Connection) -> None:
    """The last one: afterwards the first third lives on the former replica."""
    channels = Channels(connection)
    async with channels.listening(f"{KEYS[1]}:done", "q.1") as announced:
        assert await works(connection, *KEYS)
        cluster.servers[0].kill()
        with pytest.raises(NotConnected):
            await asyncio.wait_for(connection.call("test_add", [KEYS[0]], ["lost"]), 5)
        started = time.monotonic()
        await wait_for(lambda: works(connection, *KEYS), "the replica to take over", patience=15)
        assert time.monotonic() - started < 10

        async def heard() -> bool:
            return await connection.call("test_announce", [f"{KEYS[1]}:done"], ["q.1\nend"]) == 1 or bool(
                await announced()
            )

        await wait_for(heard, "an announcement")
    await channels.close()

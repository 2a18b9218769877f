"""What callers see of a connection that is lost while they enqueue, and of a message that Redis won't take."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock import ConfigurationError, Penstock, SubmissionError
from penstock.errors import NotConnected, TooLarge
from penstock.testing import worker
from tests.contract.proxy import Proxy, proxied
from tests.contract.servers import Server, free_port, running

MIB = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(server := Server(tmp_path_factory.mktemp("redis"), "--proto-max-bulk-len", "2mb")):
        yield server


class Shop:
    """An app behind a proxy, and what its task ran with."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.app = Penstock("shop", url=proxy.url, namespace=f"test-{uuid.uuid4().hex[:8]}")
        self.ran: list[str] = []
        self.charge = self.app.task(name="shop.charge")(self.run)

    def run(self, order: str) -> int:
        self.ran.append(order)
        return len(order)

    async def lose_replies(self, times: int) -> None:
        """The next replies are cut off, each with its connection."""
        await self.charge.enqueue("warm")
        self.proxy.loses = times

    async def drained(self) -> list[str]:
        async with worker(self.app):
            await (await self.charge.enqueue("last")).result(timeout=5)
        return sorted(order for order in self.ran if order not in ("warm", "last"))


@pytest.fixture
async def shop(server: Server) -> AsyncIterator[Shop]:
    async with proxied(server.port) as proxy:
        shop = Shop(proxy)
        yield shop
        await shop.app.close()


async def test_one_lost_reply_is_not_seen_and_runs_nothing_twice(shop: Shop) -> None:
    await shop.lose_replies(1)
    await shop.charge.enqueue("a")
    await shop.lose_replies(1)
    handles = await shop.app.enqueue_many(shop.charge.s(order) for order in "bcd")
    await shop.lose_replies(1)
    with_others = await asyncio.gather(*(shop.charge.enqueue(order) for order in "efg"))
    assert len({handle.id for handle in [*handles, *with_others]}) == 6
    await shop.lose_replies(1)
    await shop.charge.options(deadline=60).enqueue("h")
    assert await shop.drained() == list("abcdefgh")


async def test_when_it_stays_open_the_error_has_the_id_that_makes_a_repeat_safe(shop: Shop) -> None:
    await shop.lose_replies(2)
    with pytest.raises(NotConnected, match=r"may or may not have been queued: with options\(id='\w+'\)") as lost:
        await shop.charge.enqueue("a")
    assert lost.value.open
    assert lost.value.ids == [lost.value.id]
    queue, _, unique = (lost.value.id or "").partition(".")
    again = await shop.charge.options(id=unique).enqueue("a")
    assert (queue, again.id) == ("shop", lost.value.id)
    assert await shop.drained() == ["a"]


async def test_of_many_too(shop: Shop) -> None:
    await shop.lose_replies(2)
    with pytest.raises(SubmissionError, match=r"3 tasks \(\.ids\) may or may not have been queued") as lost:
        await shop.app.enqueue_many(shop.charge.s(order) for order in "abc")
    ids = [id.partition(".")[2] for id in lost.value.ids]
    await shop.app.enqueue_many(shop.charge.options(id=id).s(order) for id, order in zip(ids, "abc", strict=True))
    assert await shop.drained() == ["a", "b", "c"]


async def test_where_nobody_listens_nothing_was_queued() -> None:
    app = Penstock("shop", url=f"redis://127.0.0.1:{free_port()}/0", namespace="test")
    with pytest.raises(NotConnected, match="can't reach Redis") as refused:
        await app.task(name="shop.charge")(len).enqueue("a")
    assert (refused.value.open, refused.value.ids) == (False, [])
    await app.close()


@pytest.mark.parametrize("size", [3 * MIB, 12 * MIB])
async def test_a_message_that_redis_will_not_take_fails_alone(shop: Shop, size: int) -> None:
    warm = await shop.charge.enqueue("warm")
    looking = asyncio.gather(*(warm.status() for _ in range(5)))
    orders = ["a", "x" * size, "b", "y" * size, "c"]
    came = await asyncio.gather(*map(shop.charge.enqueue, orders), return_exceptions=True)
    refused = [came[1], came[3]]
    assert all(isinstance(error, TooLarge) and "proto-max-bulk-len" in str(error) for error in refused), refused
    assert len(await looking) == 5
    with pytest.raises(TooLarge) as of_many:
        await shop.app.enqueue_many([shop.charge.s("d"), shop.charge.s("x" * size), shop.charge.s("e")])
    assert len(of_many.value.queued) == 2
    assert await shop.drained() == ["a", "b", "c", "d", "e"]


async def test_a_large_message_that_redis_takes_travels(shop: Shop) -> None:
    text = "ä" * 500_000 + "x" * 500_000
    async with worker(shop.app):
        assert await (await shop.charge.enqueue(text)).result(timeout=10) == 1_000_000


async def test_a_redis_that_wants_a_password_says_so(tmp_path: Path) -> None:
    with running(server := Server(tmp_path / "redis", "--requirepass", "s3cret", password="s3cret")):
        app = Penstock("shop", url=server.url, namespace="test")
        task = app.task(name="shop.charge")(len)
        many = app.enqueue_many(task.s("a") for _ in range(500))
        for work in (task.enqueue("a"), many, task.options(delay=1).enqueue("a")):
            with pytest.raises(ConfigurationError, match=r"refuses the login: it wants a password"):
                await work
        await app.close()


async def test_a_redis_without_a_connection_left_says_so(tmp_path: Path) -> None:
    with running(server := Server(tmp_path / "redis")):
        server.admin.config_set("maxclients", 1)
        for _ in range(5):
            app = Penstock("shop", url=server.url, namespace="test")
            with pytest.raises(NotConnected, match="has no connection left: raise its maxclients"):
                await app.task(name="shop.charge")(len).enqueue("a")
            await app.close()
        server.admin.config_set("maxclients", 100)

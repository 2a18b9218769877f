"""A worker under load while its Redis dies, stalls, fills up, loses its functions or cuts connections.

Whatever happens: what was acknowledged to the submitter ends, the worker goes on by itself, and nothing stays behind.
"""

from __future__ import annotations

import asyncio
import logging

import pytest

from penstock import SubmissionError
from tests.contract.load import Load
from tests.contract.proxy import proxied
from tests.contract.servers import Server
from tests.contract.shop import Shop, results


async def test_redis_is_killed_and_started_again(server: Server, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    async with shop.working():
        load = Load(shop)
        for _ in range(3):
            await load.more(100)
            server.kill()
            server.start()
        await load.more(100)
        await load.end()
    assert any(record.levelno == logging.WARNING and server.where in record.message for record in caplog.records)


async def test_redis_is_away_longer_than_a_lease(server: Server, shop: Shop) -> None:
    """Nobody could renew meanwhile. What still runs gets the time to say so: no storm of duplicates."""
    async with shop.working(2, lease=0.8):
        handles = [await shop.sent(number, 3.0) for number in range(12)]
        await shop.started(12)
        server.kill()
        await asyncio.sleep(1.6)  # the outage itself: twice the lease
        server.start()
        assert await results(handles) == list(range(12))
        await shop.drained()
    assert shop.most_alive == 1
    assert set(shop.runs.values()) == {1}


async def test_redis_stands_still_longer_than_a_lease(server: Server, shop: Shop) -> None:
    async with shop.working(2, lease=0.8):
        handles = [await shop.sent(number, 3.0) for number in range(12)]
        await shop.started(12)
        server.hold()
        await asyncio.sleep(1.6)
        server.resume()
        assert await results(handles) == list(range(12))
        await shop.drained()
    assert set(shop.runs.values()) == {1}


async def test_connections_are_cut_in_the_middle_of_replies(server: Server) -> None:
    async with proxied(server.port) as proxy:
        shop = Shop(proxy.url)
        async with shop.working():
            load = Load(shop)
            for bytes_more in (1, 40, 333, 1_000, 4_000):
                proxy.cut_after = bytes_more
                await load.more(30)
            await load.end()
        await shop.app.close()
    server.admin.flushall()


async def test_redis_is_full(server: Server, shop: Shop) -> None:
    """It refuses new tasks, and those that it has are worked off: or it could never get room."""
    handles = [await shop.sent(number) for number in range(200)]
    server.admin.config_set("maxmemory", int(server.admin.info("memory")["used_memory"]) - 1)
    try:
        with pytest.raises(SubmissionError, match=r"OOM|memory"):
            await shop.nap.enqueue(0)
        async with shop.working():
            await shop.started(200)
            await shop.drained()
            server.admin.config_set("maxmemory", 0)
            handles.append(await shop.sent(200))
            assert await results(handles) == list(range(201))
    finally:
        server.admin.config_set("maxmemory", 0)


async def test_redis_loses_its_functions(server: Server, shop: Shop) -> None:
    async with shop.working():
        load = Load(shop)
        for _ in range(3):
            await load.more(20)
            server.admin.function_flush("SYNC")
        await load.more(20)
        await load.end()


async def test_redis_loses_everything(server: Server, shop: Shop) -> None:
    """A flushed or replaced Redis can't give back what it had; the worker must serve what comes after."""
    async with shop.working():
        await results([await shop.sent(0)])
        server.admin.flushall()
        assert await results([await shop.sent(1), await shop.sent(2)]) == [1, 2]
        await shop.drained()

"""A worker under load goes on by itself after whatever happened to its Redis. What was acknowledged ends well and is
settled once, the log says what was wrong, and nothing stays behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from penstock import Retry, SubmissionError, TaskContext
from tests.contract.load import DURABLE, Load, break_off, warned
from tests.contract.proxy import proxied
from tests.contract.servers import Server, running
from tests.contract.shop import Shop
from tests.waiting import wait_for

# Redis answers between every 1,024 commands of its log, here about every half a second; 300 tasks make some 4,500.
LOADING = ("--key-load-delay", "500")

WORKERS_LINES = 4  # for commands, for waiting, for renewals and for signals
SUBMITTERS_LINES = 2  # for commands and for outcomes


async def test_redis_is_killed(server: Server, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    async with shop.working(2):
        load = Load(shop)
        for _ in range(2):
            await load.more()
            server.kill()
            server.start()
        await load.more()
        await load.end_well(server)
    assert warned(caplog, "the broker is away (")  # whichever call meets it first
    assert warned(caplog, f", queue shop): can't reach Redis at {server.where}")


async def test_redis_is_killed_while_it_writes(server: Server, shop: Shop) -> None:
    """What it had written of that step hasn't happened, neither when it starts next nor (it stays in the log) later."""
    async with shop.working(2):
        load = Load(shop)
        await load.more()
        server.kill()
        break_off(server)
        for _ in range(2):
            server.start()
            await load.more()
            server.kill()
        server.start()
        await load.end_well(server)


async def test_redis_is_loading_its_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(tmp_path, *DURABLE)
    with running(server):
        shop = Shop(server.url)
        async with shop.working(2):
            load = Load(shop)
            await load.more(300)
            server.kill()
            server.start(*LOADING)
            await load.more()
            await load.end_well(server)
        await shop.app.close()
    assert warned(caplog, f"Redis at {server.where} is still loading its data")


async def test_connections_are_reset_in_mid_batch(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever in the replies that happens: what Redis did without our hearing of it isn't done again."""
    random = Random(1)
    async with proxied(server.port) as proxy:
        shop = Shop(proxy.url)
        async with shop.working(2):
            load = Load(shop)
            await load.more()
            for _ in range(10):
                proxy.cut_after = random.randrange(500)
                await load.more(10)
            await load.end_well(server)
            assert proxy.connections <= 2 * WORKERS_LINES + SUBMITTERS_LINES
        await shop.app.close()
    server.admin.flushall()
    assert warned(caplog, f"can't reach Redis at 127.0.0.1:{proxy.port}")


async def test_redis_is_full(server: Server, shop: Shop) -> None:
    """It refuses new tasks and says so. What it has is worked off, retries and all, or it could never get room."""

    @shop.app.task
    async def again(context: TaskContext = TaskContext()) -> int:
        if context.attempt == 1:
            full.set()
            await refused.wait()
            raise Retry(0.1)
        return context.attempt

    full, refused = asyncio.Event(), asyncio.Event()
    async with shop.working(2):
        load, retried = Load(shop), await again.enqueue()
        await load.more()
        await full.wait()
        server.admin.config_set("maxmemory", int(server.admin.info("memory")["used_memory"]) // 2)
        try:
            with pytest.raises(SubmissionError, match=rf"Redis at {server.where} is full: nothing new is taken"):
                await shop.nap.enqueue(-1)
            refused.set()
            assert await retried.result(timeout=10) == 2
            await shop.drained()
        finally:
            server.admin.config_set("maxmemory", 0)
        await load.more()
        await load.end_well(server)


async def test_redis_loses_its_functions(server: Server, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """They are loaded again where they are missed, so nobody notices."""
    async with shop.working(2):
        load = Load(shop)
        for _ in range(5):
            await load.more(20)
            server.admin.function_flush("SYNC")
        await load.more()
        await load.end_well(server)
    assert caplog.records == []


async def test_a_worker_that_starts_before_its_redis(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(tmp_path, *DURABLE)
    shop = Shop(server.url)
    async with shop.working():
        await wait_for(lambda: _said(caplog, "the broker is away (check"), "it to say so")
        with running(server):
            load = Load(shop)
            await load.more()
            await load.end_well(server)
            await shop.app.close()


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return warned(caplog, words)

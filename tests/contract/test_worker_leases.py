"""Leases under a working worker: kept for as long as the task takes, and obeyed once they are lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from penstock import Phase
from penstock.broker import connect
from penstock.broker.messages import Claimer
from tests.contract.shop import Shop, results
from tests.waiting import wait_for

LEASE = 0.5
OTHER = Claimer("other", "other")


@pytest.fixture
async def shop(redis_url: str) -> AsyncIterator[Shop]:
    shop = Shop(redis_url, f"test-{uuid.uuid4().hex[:8]}")
    yield shop
    await shop.app.close()


async def test_a_task_that_takes_many_leases_runs_once(shop: Shop) -> None:
    """As a task of two hours does with a lease of 15 seconds; another worker looks for abandoned ones meanwhile."""
    async with shop.working(2, lease=LEASE):
        handle = await shop.sent(1, 8 * LEASE)
        assert await results([handle]) == [1]
    assert shop.runs[1] == 1


async def test_a_blocked_event_loop_loses_no_lease(shop: Shop) -> None:
    runs = 0

    @shop.app.task
    async def block() -> None:
        nonlocal runs
        runs += 1
        until = asyncio.get_running_loop().time() + 3 * LEASE
        while asyncio.get_running_loop().time() < until:
            pass

    async with shop.working(lease=LEASE):
        await asyncio.wait_for((await block.enqueue()).result(), 20)
    assert runs == 1


async def test_a_lost_lease_stops_the_attempt_and_nothing_of_it_counts(shop: Shop) -> None:
    broker = connect(shop.app.url, shop.app.namespace)
    async with shop.working(lease=LEASE):
        handle = await shop.sent(1, 60)
        await shop.started(1)
        await broker.reclaim("shop", OTHER, lease=0.0)
        [begun] = (await broker.claim("shop", OTHER, 1, alone=True)).begun

        async def stopped() -> bool:
            return shop.alive[1] == 0

        await wait_for(stopped, "the attempt to stop")
        status = await handle.status()
        assert (status.phase, status.worker, status.attempts) == (Phase.RUNNING, "other", 2)
        assert begun.lease.id == handle.id
    await broker.close()

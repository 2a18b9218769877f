"""Flows while Redis or workers go away, and what large ones cost."""

from __future__ import annotations

import asyncio

import pytest

from penstock import Handle, Penstock, SubmissionError, each
from penstock.errors import NotConnected
from penstock.worker import Settings, Worker
from tests.contract.kitchen import Kitchen
from tests.contract.servers import Server

FLOWS, MEMBERS = 12, 20


async def submitted(kitchen: Kitchen) -> Handle[int]:
    """A flow of two queues; tried again, as another, for as long as Redis is away."""
    flow = kitchen.upto.s(MEMBERS) | each(kitchen.double) | kitchen.total
    while True:
        try:
            return await flow.enqueue()
        except SubmissionError:
            await asyncio.sleep(0.02)


async def result(handle: Handle[int]) -> int:
    while True:
        try:
            return await handle.result(timeout=60)
        except NotConnected:
            await asyncio.sleep(0.02)


async def test_redis_is_killed_among_them(server: Server) -> None:
    """What was acknowledged ends well, whatever was under way."""
    kitchen = Kitchen(Penstock("kitchen", url=server.url, namespace="test"))
    async with kitchen.app, kitchen.worker(), kitchen.worker():
        flows = [asyncio.create_task(submitted(kitchen)) for _ in range(FLOWS)]
        for least in (MEMBERS, 4 * MEMBERS):
            async with asyncio.timeout(30):
                while len(kitchen.ran) < least:  # noqa: ASYNC110 — the tasks themselves tell
                    await asyncio.sleep(0.001)
            server.kill()
            server.start()
        handles = [await flow for flow in flows]
        assert [await result(handle) for handle in handles] == [MEMBERS * (MEMBERS - 1)] * FLOWS
        await kitchen.nothing_left()
    server.admin.flushall()


async def test_a_worker_dies_in_the_middle_of_one(server: Server) -> None:
    """Nobody settles or hands on what it had; its leases run out, and another goes on."""
    kitchen = Kitchen(Penstock("kitchen", url=server.url, namespace="test"))
    settings = Settings(["kitchen", "oven"], lease_seconds=0.5, drain_seconds=0)
    async with kitchen.app:
        handle = await submitted(kitchen)
        broker = kitchen.app.broker()
        dying = Worker(kitchen.app.definitions, broker, settings)
        await dying.__aenter__()
        async with asyncio.timeout(30):
            while len(kitchen.ran) < 3:  # noqa: ASYNC110 — the tasks themselves tell
                await asyncio.sleep(0.0005)
        await broker.close()  # it can neither settle nor renew any more
        try:
            async with kitchen.worker():
                assert await result(handle) == MEMBERS * (MEMBERS - 1)
                await kitchen.nothing_left()
        finally:
            await dying.drain()
            await broker.close()  # what it tried meanwhile has opened it again
    server.admin.flushall()


@pytest.mark.parametrize("members", [2_000])
async def test_many_members_share_round_trips(server: Server, members: int) -> None:
    kitchen = Kitchen(Penstock("kitchen", url=server.url, namespace="test"))
    async with kitchen.app, kitchen.worker(concurrency=100):
        server.admin.config_resetstat()
        handle = await (kitchen.add.map(range(members)) | kitchen.total).enqueue()
        assert await handle.result(timeout=30) == sum(range(members))
        calls = server.admin.info("commandstats")["cmdstat_fcall"]["calls"]
        await kitchen.nothing_left()
    assert calls < members / 5, "a few calls for each hundred of them"
    server.admin.flushall()

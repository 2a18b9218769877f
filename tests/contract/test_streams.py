"""What holds for Redis alone: its keys, its functions, its failures."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as aioredis

from penstock import Penstock, TaskContext, TaskFailed
from penstock.broker import connect
from penstock.broker.messages import Claimer
from penstock.broker.streams import StreamsBroker
from penstock.broker.streams.library import FUNCTIONS, function_name
from penstock.envelope import Envelope
from penstock.errors import NotConnected
from penstock.keys import QueueKeys
from penstock.status import Phase
from penstock.testing import worker
from tests.contract.messages import B, claim, ended, message
from tests.waiting import wait_for


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[aioredis.Redis]:
    client = aioredis.Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def app(redis_url: str) -> AsyncIterator[Penstock]:
    async with Penstock("shop", url=redis_url, namespace=f"keys-{uuid.uuid4().hex[:8]}") as app:
        yield app


async def keys_of(redis: aioredis.Redis, app: Penstock) -> set[str]:
    return {key.decode() async for key in redis.scan_iter(f"penstock:{{{app.namespace}/*")}


async def test_a_drained_queue_leaves_its_fixed_keys_and_records_with_a_ttl(
    redis: aioredis.Redis, app: Penstock
) -> None:
    @app.task(max_attempts=2)
    async def work(fail: bool, context: TaskContext = TaskContext()) -> None:
        if fail:
            raise ValueError("as asked")

    async with worker(app):
        handles = await app.enqueue_many([work.s(False), work.s(True), work.options(delay=0.2).s(False)])
        await handles[0].result(timeout=10)
        await handles[2].result(timeout=10)
        with pytest.raises(TaskFailed):
            await handles[1].result(timeout=30)
        cancelled = await work.options(delay=60).enqueue(False)
        await cancelled.cancel()
    fixed = set(QueueKeys(app.namespace, "shop").fixed)
    records = await keys_of(redis, app) - fixed
    assert len(records) == 4
    assert all([await redis.ttl(record) > 0 for record in records])
    left = await keys_of(redis, app) - records - set(QueueKeys(app.namespace, "shop").streams)
    # The one dead letter and its message, and what was counted; nothing of what has ended otherwise.
    assert left == {fixed_key for fixed_key in fixed if fixed_key.rpartition(":")[2] in ("dead", "held", "load")}
    # What is fixed stays small: streams without entries, and the one dead letter.
    sizes = {key: await redis.xlen(key) for key in QueueKeys(app.namespace, "shop").streams}
    assert set(sizes.values()) == {0}


async def test_a_redis_that_lost_everything_is_used_again(redis: aioredis.Redis, app: Penstock) -> None:
    @app.task
    async def work() -> str:
        return "done"

    async with worker(app):
        assert await (await work.enqueue()).result(timeout=10) == "done"
        await redis.flushall()
        await redis.execute_command("FUNCTION", "FLUSH")
        assert await (await work.enqueue()).result(timeout=10) == "done"


async def test_a_stream_that_somebody_has_deleted_is_made_again(redis: aioredis.Redis, app: Penstock) -> None:
    broker, streams = app.broker(), QueueKeys(app.namespace, "shop").streams
    await broker.claim("shop", Claimer("a.1", "a"), 1)
    await redis.delete(streams[1])
    await broker.claim("shop", Claimer("a.1", "a"), 1)
    assert [len(await redis.xinfo_groups(stream)) for stream in streams] == [1] * len(streams)


async def test_every_function_of_the_library_is_registered(redis: aioredis.Redis, app: Penstock) -> None:
    await app.broker().send([Envelope(id="shop.1", task="shop.x", queue="shop", created_at=time.time())])
    libraries = str(await redis.execute_command("FUNCTION", "LIST"))
    assert all(function_name(function) in libraries for function in FUNCTIONS)


async def test_what_is_not_an_envelope_is_dead_lettered(redis: aioredis.Redis, app: Penstock) -> None:
    keys = QueueKeys(app.namespace, "shop")
    async with worker(app):
        await redis.xadd(keys.streams[0], {"id": "shop.odd", "m": b"\xff\xfe"})

        async def buried() -> bool:
            return bool(await redis.zcard(keys.dead) == 1)

        await wait_for(buried, "the message to be dead-lettered")
    assert await redis.xlen(keys.streams[0]) == 0


ODD_ENTRIES: list[dict[str, bytes]] = [
    {"x": b"1"},
    {"id": b"shop.one"},
    {"id": b"other.one", "m": b"a queue's name that isn't this one's"},
    {"id": b"shop.\xff", "m": b"no text"},
    {"id": b"", "m": b""},
    {"id": b"shop.a b", "m": b"a space"},
    {"id": b"shop.1", "m": b"", "more": b"fields"},
]


@pytest.mark.parametrize("how", ["claimed", "read"])
async def test_entries_that_are_not_ours_become_dead_letters_and_stop_nobody(
    redis: aioredis.Redis, app: Penstock, how: str
) -> None:
    keys, broker, me = QueueKeys(app.namespace, "shop"), app.broker(), Claimer("me", "me")
    await broker.claim("shop", me, 1)  # makes the group
    for entry in ODD_ENTRIES:
        await redis.xadd(keys.streams[2], entry)  # type: ignore[arg-type]  # the stub's key type is invariant
    await broker.send([Envelope(id="shop.good", task="shop.x", queue="shop", created_at=time.time())])
    if how == "claimed":
        begun = (await broker.claim("shop", me, 100)).begun
    else:
        for _ in range(20 * len(ODD_ENTRIES)):
            read = await broker.listen("shop", me, 0.01)
            begun = (await broker.claim("shop", me, 0, read=read)).begun if read else []
            if begun:
                break
    assert [one.lease.id for one in begun] == ["shop.good"]
    if how != "claimed":
        await broker.reclaim("shop", me, lease=0.0)
    assert {letter.id.partition("-")[0] for letter in await broker.dead_letters("shop", 100)} == {"shop.entry"}
    assert await redis.zcard(keys.dead) == len(ODD_ENTRIES)
    await broker.close()


async def test_an_address_where_nothing_answers_is_told_without_the_password() -> None:
    broker = StreamsBroker("redis://:secret@127.0.0.1:1/0", "default")
    with pytest.raises(NotConnected, match=r"127\.0\.0\.1:1") as error:
        await broker.ping()
    assert "secret" not in str(error.value)
    await broker.close()


async def test_cancelled_callers_cost_no_connection(redis_url: str) -> None:
    broker = StreamsBroker(redis_url, f"cancel-{uuid.uuid4().hex[:8]}")
    for turn in range(600):
        caller = asyncio.create_task(_for_ever(broker))
        for _ in range(turn % 13):
            await asyncio.sleep(0)
        caller.cancel()
        _, waiting = await asyncio.wait({caller}, timeout=5)
        assert not waiting, "a cancellation was swallowed"
        assert caller.cancelled()
    await asyncio.wait_for(broker.ping(), 5)
    await broker.close()


async def _for_ever(broker: StreamsBroker) -> None:
    while True:
        await broker.ping()


@pytest.mark.parametrize("garbage", [b"garbage", b"", b"\x07", b"\xff\xff", b"\xa3abc"])
async def test_a_damaged_state_stops_nobody(redis_url: str, garbage: bytes) -> None:
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    broker, client = connect(redis_url, namespace), aioredis.from_url(redis_url)
    try:
        await claim(broker)
        await broker.send([message(str(number)) for number in range(4)])
        await client.hset(QueueKeys(namespace, "mail").tasks, "mail.1", garbage)
        [found] = await broker.snapshots(["mail.1"])
        assert found is not None
        assert found.phase is Phase.QUEUED
        begun = await claim(broker, 10)
        assert sorted(one.lease.id for one in begun) == [f"mail.{number}" for number in range(4)]
        await client.hset(QueueKeys(namespace, "mail").tasks, "mail.2", garbage)
        settled = await broker.settle([ended(one) for one in begun])
        lost = [one.lease.id for one, done in zip(begun, settled, strict=True) if not done]
        assert lost == ["mail.2"]
        assert await broker.reclaim("mail", B, lease=0.0) is not None
    finally:
        await broker.close()
        await client.aclose()

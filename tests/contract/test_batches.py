"""Batches: items are ordinary tasks, counted by the step that ends them."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as aioredis

from penstock.batch_stream import Stream, chunked
from penstock.broker import Broker, connect
from penstock.broker.batch import BatchItems, BatchTerms, Hold
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Begun, Cancellation, Limits, QueueConfig, Renewal, Verb, Verdict
from penstock.broker.streams import StreamsBroker
from penstock.envelope import Envelope
from penstock.errors import SubmissionError
from penstock.keys import QueueKeys, batch_id, item_id
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from tests.contract.messages import A, B, again, claim, ended
from tests.contract.servers import Server
from tests.contract.shop import Shop
from tests.contract.test_cluster import Cluster, cluster
from tests.waiting import wait_for

__all__ = ["cluster"]

BATCH = batch_id("mail", "1")
LIFE = 60.0


def terms(**fields: object) -> BatchTerms:
    return BatchTerms(**{"id": BATCH, "life": LIFE, **fields})  # type: ignore[arg-type]  # test data


def items(*indexes: int) -> list[Envelope]:
    return [
        Envelope(id=item_id(BATCH, index), task="shop.send", queue="mail", created_at=time.time()) for index in indexes
    ]


async def opened(broker: Broker, count: int, **fields: object) -> None:
    assert await broker.tend(terms(**fields), create=True) is not None
    assert await broker.send_items(items(*range(count))) == count


async def look(broker: Broker) -> BatchItems:
    found = await broker.look(BATCH)
    assert found is not None
    return found


async def bytes_of(broker: Broker) -> bytes:
    return (await look(broker)).items


def indexes(begun: list[Begun]) -> list[int]:
    return [int(one.lease.id.rpartition(".")[2]) for one in begun]


async def end(broker: Broker, begun: list[Begun], phase: Phase = Phase.SUCCEEDED) -> None:
    assert await broker.settle([ended(one, phase) for one in begun]) == [True] * len(begun)


def cancelled(*which: int) -> list[Outcome]:
    failure = Failure("Cancelled", "by the test")
    phase, now = Phase.CANCELLED, time.time()
    return [
        Outcome(id=item_id(BATCH, index), task="shop.send", phase=phase, finished_at=now, failure=failure)
        for index in which
    ]


async def cancel(broker: Broker, *which: int) -> int:
    return await broker.cancel_items(cancelled(*which), reason="test", life=LIFE)


class TestSending:
    async def test_a_batch_is_unknown_until_it_is_created(self, broker: Broker) -> None:
        assert await broker.tend(terms(), create=False) is None
        assert await broker.look(BATCH) is None
        assert await broker.send_items(items(0)) is None
        assert await broker.tend(terms(run=3), create=True) == BatchItems(b"", 0, 3, False)

    async def test_items_are_ordinary_tasks(self, broker: Broker) -> None:
        await opened(broker, 3)
        assert await bytes_of(broker) == b"qqq"
        begun = await claim(broker)
        assert indexes(begun) == [0, 1, 2]
        await broker.settle([ended(begun[0]), ended(begun[1], Phase.FAILED), ended(begun[2], Phase.DEAD_LETTERED)])
        assert await bytes_of(broker) == b"sff"
        snapshots = await broker.snapshots([item_id(BATCH, index) for index in range(3)])
        assert [one and one.phase for one in snapshots] == [Phase.SUCCEEDED, Phase.FAILED, Phase.DEAD_LETTERED]

    async def test_its_failures_are_no_dead_letters_while_it_is_known(self, broker: Broker) -> None:
        await opened(broker, 2)
        [first, second] = await claim(broker)
        await end(broker, [first], Phase.DEAD_LETTERED)
        assert await broker.dead_letters("mail", 10) == []
        await broker.forget_batch(BATCH)
        await end(broker, [second], Phase.DEAD_LETTERED)
        assert [letter.id for letter in await broker.dead_letters("mail", 10)] == [item_id(BATCH, 1)]

    async def test_an_item_is_sent_once(self, broker: Broker) -> None:
        await opened(broker, 3)
        await end(broker, await claim(broker, 1))
        assert await broker.send_items(items(0, 1, 2, 3)) == 4
        assert await bytes_of(broker) == b"sqqq"
        assert indexes(await claim(broker)) == [1, 2, 3]

    async def test_gaps_are_items_that_were_not_sent(self, broker: Broker) -> None:
        await broker.tend(terms(), create=True)
        assert await broker.send_items(items(1, 4)) == 2
        assert await bytes_of(broker) == b"\0q\0\0q"
        assert await broker.send_items(items(0, 1, 2)) == 3
        assert await bytes_of(broker) == b"qqq\0q"

    async def test_a_full_queue_takes_what_fits(self, broker: Broker) -> None:
        await broker.configure("mail", QueueConfig(limits=Limits(depth=2)))
        await broker.tend(terms(), create=True)
        assert await broker.send_items(items(0, 1, 2)) == 2
        await end(broker, await claim(broker, 1))
        assert await broker.send_items(items(2)) == 1
        assert await bytes_of(broker) == b"sqq"

    async def test_what_is_held_back_needs_no_room(self, broker: Broker) -> None:
        await broker.configure("mail", QueueConfig(limits=Limits(depth=2)))
        await opened(broker, 5, parallelism=1)
        assert (await broker.depth(["mail"]))["mail"].ready == 1


class TestParallelism:
    async def test_it_is_never_exceeded(self, broker: Broker) -> None:
        await opened(broker, 7, parallelism=2)
        done: list[int] = []
        while begun := await claim(broker):
            assert len(begun) == 2 or len(done) == 6
            assert await claim(broker, by=B) == []
            done += indexes(begun)
            await end(broker, begun)
        assert done == list(range(7))
        assert await bytes_of(broker) == b"s" * 7

    async def test_the_next_starts_when_one_has_ended(self, broker: Broker) -> None:
        await opened(broker, 4, parallelism=2)
        [first, second] = await claim(broker)
        assert (await look(broker)).held == 2
        await end(broker, [second], Phase.FAILED)
        assert indexes(await claim(broker)) == [2]
        await broker.settle([again(first, Verb.RETRY)])
        assert indexes(await claim(broker)) == [0]
        assert (await look(broker)).held == 1

    async def test_it_can_be_raised_and_lowered(self, broker: Broker) -> None:
        await opened(broker, 8, parallelism=1)
        await broker.tend(terms(parallelism=3), create=False)
        begun = await claim(broker)
        assert indexes(begun) == [0, 1, 2]
        await broker.tend(terms(parallelism=1), create=False)
        await end(broker, begun[:2])
        assert await claim(broker) == []
        await end(broker, begun[2:])
        assert indexes(await claim(broker)) == [3]
        await broker.tend(terms(), create=False)
        assert indexes(await claim(broker)) == [4, 5, 6, 7]

    async def test_an_item_whose_worker_died_keeps_its_place(self, broker: Broker) -> None:
        await opened(broker, 3, parallelism=1)
        [begun] = await claim(broker)
        assert (await broker.reclaim("mail", B, lease=0.0)).moved == 1
        assert await broker.settle([ended(begun)]) == [False]
        assert await bytes_of(broker) == b"qqq"
        [suspect] = await claim(broker, by=B, alone=True)
        await end(broker, [suspect])
        assert indexes(await claim(broker, by=B)) == [1]


class TestEnds:
    async def test_an_end_is_counted_once(self, broker: Broker) -> None:
        await opened(broker, 2)
        [first, _] = await claim(broker)
        assert await broker.settle([ended(first)]) == [True]
        assert await broker.settle([ended(first, Phase.FAILED)]) == [False]
        assert await bytes_of(broker) == b"sq"

    async def test_one_item_can_be_cancelled_like_a_task(self, broker: Broker) -> None:
        await opened(broker, 2, parallelism=1)
        result, _ = await broker.cancel(cancelled(0)[0], reason="test", life=LIFE)
        assert result is Cancellation.CANCELLED
        assert await bytes_of(broker) == b"cq"
        assert indexes(await claim(broker)) == [1]

    async def test_batches_are_counted_apart(self, broker: Broker) -> None:
        await opened(broker, 1)
        other = batch_id("mail", "2")
        await broker.tend(terms(id=other), create=True)
        message = Envelope(id=item_id(other, 0), task="shop.send", queue="mail", created_at=time.time())
        await broker.send_items([message])
        begun = await claim(broker)
        await broker.settle([ended(begun[0]), ended(begun[1], Phase.FAILED)])
        assert await bytes_of(broker) == b"s"
        found = await broker.look(other)
        assert found is not None
        assert found.items == b"f"

    async def test_ends_after_it_was_forgotten_make_nothing_anew(self, broker: Broker) -> None:
        await opened(broker, 2)
        begun = await claim(broker)
        await broker.forget_batch(BATCH)
        await end(broker, begun)
        assert await broker.look(BATCH) is None


class TestFailures:
    async def test_too_many_stop_it_at_once(self, broker: Broker) -> None:
        await opened(broker, 6, parallelism=2, max_failures=0)
        await end(broker, await claim(broker), Phase.FAILED)
        assert await claim(broker) == []
        assert (await look(broker)) == BatchItems(b"ffqqqq", 4, 1, False)

    async def test_the_operator_does_not_start_it_again_by_accident(self, broker: Broker) -> None:
        await opened(broker, 3, parallelism=1, max_failures=0)
        await end(broker, await claim(broker), Phase.FAILED)
        await broker.tend(terms(parallelism=1, max_failures=0), create=False)
        assert await claim(broker) == []

    async def test_what_is_sent_to_a_stopped_one_is_cancelled(self, broker: Broker) -> None:
        await opened(broker, 1, max_failures=0)
        await end(broker, await claim(broker), Phase.FAILED)
        assert await broker.send_items(items(1, 2)) == 2
        assert await bytes_of(broker) == b"fcc"
        assert await broker.retry_items(BATCH, 2, 10)
        assert indexes(await claim(broker)) == [0, 1, 2]


class TestHolding:
    async def test_a_suspended_one_starts_nothing(self, broker: Broker) -> None:
        await opened(broker, 2, hold=Hold.SUSPENDED)
        assert await claim(broker) == []
        assert (await look(broker)).held == 2
        await broker.tend(terms(), create=False)
        assert indexes(await claim(broker)) == [0, 1]

    async def test_what_waits_on_its_queue_is_recalled(self, broker: Broker) -> None:
        await opened(broker, 4)
        begun = await claim(broker, 1)
        await broker.tend(terms(hold=Hold.SUSPENDED), create=False)
        assert await broker.recall_items(BATCH, [0, 1, 2, 3]) == 3
        assert await broker.recall_items(BATCH, [0, 1, 2, 3]) == 0
        assert await claim(broker) == []
        await end(broker, begun)
        assert await claim(broker) == []
        await broker.tend(terms(), create=False)
        again = await claim(broker)
        assert indexes(again) == [1, 2, 3]
        await end(broker, again)
        assert await bytes_of(broker) == b"ssss"

    async def test_a_retry_that_waits_is_recalled_too(self, broker: Broker) -> None:
        await opened(broker, 1)
        [begun] = await claim(broker)
        await broker.settle([again(begun, Verb.RETRY, 60)])
        await broker.tend(terms(hold=Hold.SUSPENDED), create=False)
        assert await broker.recall_items(BATCH, [0]) == 1
        assert (await broker.depth(["mail"]))["mail"].delayed == 0
        await broker.tend(terms(), create=False)
        assert indexes(await claim(broker)) == [0]


class TestCancelling:
    async def test_what_waits_is_cancelled_at_once(self, broker: Broker) -> None:
        await opened(broker, 4, parallelism=2)
        await broker.tend(terms(hold=Hold.STOPPED), create=False)
        assert await cancel(broker, 0, 1, 2, 3) == 4
        assert await bytes_of(broker) == b"cccc"
        assert await claim(broker) == []
        snapshots = await broker.snapshots([item_id(BATCH, index) for index in range(4)])
        assert [one and one.phase for one in snapshots] == [Phase.CANCELLED] * 4

    async def test_what_runs_is_stopped_by_its_worker(self, broker: Broker) -> None:
        await opened(broker, 1)
        [begun] = await claim(broker)
        assert await cancel(broker, 0) == 0
        assert broker.renew([begun.lease], A) == [Renewal.CANCEL]
        await end(broker, [begun], Phase.CANCELLED)
        assert await bytes_of(broker) == b"c"

    async def test_what_has_ended_stays(self, broker: Broker) -> None:
        await opened(broker, 2)
        await end(broker, await claim(broker, 1))
        assert await cancel(broker, 0, 1) == 1
        assert await cancel(broker, 0, 1) == 0
        assert await bytes_of(broker) == b"sc"


class TestRetrying:
    async def test_only_what_did_not_succeed_runs_again(self, broker: Broker) -> None:
        await opened(broker, 4)
        begun = await claim(broker)
        await broker.settle([ended(begun[0]), ended(begun[1], Phase.DEAD_LETTERED), ended(begun[2])])
        await end(broker, [begun[3]], Phase.CANCELLED)
        assert await broker.retry_items(BATCH, 2, 10)
        assert (await look(broker)).run == 2
        assert await bytes_of(broker) == b"sqsq"
        [snapshot] = await broker.snapshots([item_id(BATCH, 1)])
        assert snapshot is not None
        assert snapshot.phase is Phase.QUEUED
        begun = await claim(broker)
        assert (indexes(begun), {one.attempts for one in begun}) == ([1, 3], {1})
        await end(broker, begun)
        assert await bytes_of(broker) == b"ssss"

    async def test_not_twice_in_a_run(self, broker: Broker) -> None:
        await opened(broker, 1)
        await end(broker, await claim(broker), Phase.FAILED)
        assert await broker.retry_items(BATCH, 2, 10)
        await end(broker, await claim(broker), Phase.FAILED)
        assert await broker.retry_items(BATCH, 2, 10)
        assert await claim(broker) == []
        assert await broker.retry_items(BATCH, 3, 10)
        assert indexes(await claim(broker)) == [0]

    async def test_it_goes_on_where_it_was(self, broker: Broker) -> None:
        await opened(broker, 5)
        await end(broker, await claim(broker), Phase.FAILED)
        assert not await broker.retry_items(BATCH, 2, 2)
        assert (await look(broker)).retrying
        assert await bytes_of(broker) == b"qqfff"
        await end(broker, await claim(broker), Phase.FAILED)
        assert not await broker.retry_items(BATCH, 2, 2)
        assert await bytes_of(broker) == b"ffqqf"
        assert await broker.retry_items(BATCH, 2, 2)
        assert not (await look(broker)).retrying
        assert await bytes_of(broker) == b"ffqqq"

    async def test_a_retry_keeps_the_parallelism_and_counts_failures_anew(self, broker: Broker) -> None:
        await opened(broker, 4, parallelism=2, max_failures=1)
        await end(broker, await claim(broker), Phase.FAILED)
        await cancel(broker, 2, 3)
        assert await broker.retry_items(BATCH, 2, 10)
        begun = await claim(broker)
        assert indexes(begun) == [0, 1]
        await broker.settle([ended(begun[0]), ended(begun[1], Phase.FAILED)])
        assert indexes(await claim(broker)) == [2, 3]

    async def test_a_retry_of_a_suspended_one_waits(self, broker: Broker) -> None:
        await opened(broker, 2, max_failures=0)
        await end(broker, await claim(broker), Phase.FAILED)
        await broker.tend(terms(max_failures=0, hold=Hold.SUSPENDED), create=False)
        assert await broker.retry_items(BATCH, 2, 10)
        assert await claim(broker) == []
        await broker.tend(terms(max_failures=0), create=False)
        assert indexes(await claim(broker)) == [0, 1]


async def test_it_expires() -> None:
    now = [1000.0]
    broker = MemoryBroker("test", clock=lambda: now[0])
    await opened(broker, 2)
    now[0] += LIFE / 2
    await broker.tend(terms(), create=False)
    now[0] += LIFE / 2
    assert await broker.look(BATCH) is not None
    now[0] += LIFE / 2
    assert await broker.look(BATCH) is None


class TestRedis:
    @pytest.fixture
    async def streams(self, redis_url: str) -> AsyncIterator[StreamsBroker]:
        broker = StreamsBroker(redis_url, f"test-{uuid.uuid4().hex[:8]}")
        yield broker
        await broker.close()

    async def test_every_key_has_a_ttl(self, streams: StreamsBroker, redis_url: str) -> None:
        redis = aioredis.Redis.from_url(redis_url)
        keys = QueueKeys(streams.namespace, "mail").batch(BATCH)

        async def all_expire(*expected: str) -> bool:
            there = [key for key in keys if await redis.exists(key)]
            return there == list(expected) and all([0 < await redis.pttl(key) <= 121_000 for key in there])

        await opened(streams, 6, parallelism=2)
        assert await all_expire(*keys)
        await end(streams, await claim(streams), Phase.FAILED)
        await cancel(streams, 2, 3, 4, 5)
        assert await all_expire(keys[0], keys[1], keys[3])
        await streams.tend(terms(hold=Hold.SUSPENDED), create=False)
        await streams.retry_items(BATCH, 2, 10)
        await streams.tend(terms(hold=Hold.SUSPENDED), create=False)
        await streams.recall_items(BATCH, range(6))
        assert await all_expire(*keys)
        await streams.forget_batch(BATCH)
        assert await all_expire()
        await redis.aclose()

    async def test_many_are_held_back_and_released_a_part_at_a_time(self, streams: StreamsBroker) -> None:
        await streams.tend(terms(hold=Hold.SUSPENDED), create=True)
        for first in range(0, 1500, 500):
            assert await streams.send_items(items(*range(first, first + 500))) == 500
        found = await streams.tend(terms(), create=False)
        assert found is not None
        assert found.held == 1000
        done: list[int] = []
        while begun := await claim(streams, 100):
            done += indexes(begun)
            await end(streams, begun)
        assert done == list(range(1500))

    async def test_many_are_retried_a_window_at_a_time(self, streams: StreamsBroker) -> None:
        await streams.tend(terms(), create=True)
        assert await streams.send_items(items(0, 30_000, 45_000)) == 3
        await end(streams, await claim(streams), Phase.FAILED)
        calls = 1
        while not await streams.retry_items(BATCH, 2, 2):
            calls += 1
        assert calls == 3
        assert indexes(await claim(streams)) == [0, 30_000, 45_000]


async def test_it_works_in_a_redis_cluster(cluster: Cluster) -> None:
    clustered = connect(cluster.url, "test")
    await opened(clustered, 3, parallelism=1)
    for index in range(3):
        begun = await claim(clustered)
        assert indexes(begun) == [index]
        await end(clustered, begun, Phase.FAILED if index else Phase.SUCCEEDED)
    assert await clustered.retry_items(BATCH, 2, 10)
    await clustered.tend(terms(hold=Hold.SUSPENDED), create=False)
    await clustered.recall_items(BATCH, [1])
    assert await cancel(clustered, 1, 2) == 2
    assert await bytes_of(clustered) == b"scc"
    await clustered.forget_batch(BATCH)
    await clustered.close()


async def test_nothing_is_lost_or_counted_twice_whatever_happens_to_workers(broker: Broker) -> None:
    """Workers that succeed, fail, retry, hand back and die, over a batch of which only so many may run."""
    chance, total, places = random.Random(7), 300, 20
    await broker.configure("mail", QueueConfig(max_crashes=1000))
    await opened(broker, total, parallelism=places)
    running: dict[str, Begun] = {}
    ended_so_far: list[int] = []
    while len(ended_so_far) < total:
        for begun in await claim(broker, chance.randint(1, places), by=chance.choice((A, B)), alone=not running):
            assert begun.verdict is Verdict.RUN
            running[begun.lease.id] = begun
        assert len(running) <= places
        for begun in chance.sample(list(running.values()), chance.randint(0, len(running))):
            del running[begun.lease.id]
            match chance.choice(("succeed", "fail", "retry", "release")):
                case "succeed":
                    await end(broker, [begun])
                    ended_so_far += indexes([begun])
                case "fail":
                    await end(broker, [begun], Phase.FAILED)
                    ended_so_far += indexes([begun])
                case verb:
                    await broker.settle([again(begun, Verb(verb))])
        if running and chance.random() < 0.05:  # all of them die
            await broker.reclaim("mail", A, lease=0.0)
            assert await broker.settle([ended(begun) for begun in running.values()]) == [False] * len(running)
            running.clear()
        found = await look(broker)
        assert found.items.count(b"q") == total - len(ended_so_far)
        assert found.held == max(0, total - len(ended_so_far) - places)
    assert sorted(ended_so_far) == list(range(total))


async def test_a_killed_redis_loses_nothing(server: Server, shop: Shop) -> None:
    spec = {"task": shop.nap.name, "parallelism": 40}
    batch = {"metadata": {"name": "b", "uid": "1"}, "spec": spec}
    chunks = chunked(shop.nap.s(number) for number in range(1000))
    first = await anext(chunks)
    broker = shop.app.connections.client().broker
    stream = Stream(broker, shop.app.connections.tasks, batch, first[0], None)
    assert await stream.run(first, chunks) == 1000
    async with shop.working(2):
        await shop.started(200)
        server.kill()
        server.start()
        server.ready()

        async def over() -> bool:
            try:
                found = await broker.look(batch_id("shop", "1"))
            except SubmissionError:
                return False
            return found is not None and found.items == b"s" * 1000

        await wait_for(over, "all items to succeed")

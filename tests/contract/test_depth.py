"""What a look at a queue tells: all that scaling is decided from, and nothing that it doesn't know."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.broker import Broker, connect
from penstock.broker.messages import Depth, Verb
from penstock.errors import NotConnected, PenstockError
from penstock.keys import PRIORITIES, QueueKeys
from tests.contract.messages import B, again, claim, ended, limited, message, names, start_one
from tests.contract.servers import Server, running
from tests.waiting import wait_for


async def depth(broker: Broker) -> Depth:
    return (await broker.depth(["mail"]))["mail"]


class TestWork:
    async def test_a_queue_that_nobody_has_used_holds_nothing(self, broker: Broker) -> None:
        assert await depth(broker) == Depth()

    async def test_before_the_first_worker_nothing_is_claimed(self, broker: Broker) -> None:
        await broker.send([message("1")])
        found = await depth(broker)
        assert (found.ready, found.in_flight, found.holding) == (1, 0, {})

    async def test_ready_tasks_are_told_by_priority(self, broker: Broker) -> None:
        for number, priority in enumerate(PRIORITIES, start=1):
            await broker.send([message(f"{priority}{n}", priority=priority) for n in range(number)])
        assert (await depth(broker)).by_priority == (1, 2, 3, 4)
        await claim(broker, 1)
        assert (await depth(broker)).by_priority == (0, 2, 3, 4)

    async def test_consumers_hold_so_many_over_all_streams(self, broker: Broker) -> None:
        await broker.send([message(f"{p}{n}", priority=p) for p in ("high", "low") for n in range(3)])
        await claim(broker, 4)
        await claim(broker, 1, B)
        found = await depth(broker)
        assert (found.holding, found.in_flight, found.ready) == ({"a": 4, "b": 1}, 5, 1)

    async def test_suspects_are_ready(self, broker: Broker) -> None:
        await start_one(broker)
        await broker.reclaim("mail", B, lease=0.0)
        found = await depth(broker)
        assert (found.ready, found.in_flight, found.by_priority) == (1, 0, (0, 0, 0, 0))

    async def test_the_oldest_is_the_longest_wait_and_no_long_run(self, broker: Broker) -> None:
        begun = await start_one(broker)

        async def old() -> bool:
            return time.time() - begun.started_at > 1

        await wait_for(old, "the running task to be older")
        assert (await depth(broker)).oldest == 0
        await broker.send([message("2")])
        assert (await depth(broker)).oldest < 0.9

        async def waited() -> bool:
            return (await depth(broker)).oldest > 0.05

        await wait_for(waited, "the other to have waited")

    async def test_each_queue_is_looked_at_as_far_ahead_as_asked(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 60)])
        for horizon, expected in (
            (0.0, (1, 0)),
            (120.0, (0, 1)),
            ({"mail": 120.0}, (0, 1)),
            ({"mail": 30.0, "other": 120.0}, (1, 0)),
            ({}, (1, 0)),
        ):
            found = (await broker.depth(["mail", "other"], horizon=horizon))["mail"]
            assert (found.delayed, found.due) == expected


class TestRates:
    async def test_what_has_arrived_is_counted_for_ever(self, broker: Broker) -> None:
        await broker.send([message("1"), message("2", priority="high"), message("later", not_before=time.time() + 60)])
        assert (await depth(broker)).arrived == 2
        await broker.settle([ended(begun) for begun in await claim(broker)])
        found = await depth(broker)
        assert (found.arrived, found.ready, found.in_flight) == (2, 0, 0)

    async def test_what_a_key_held_back_arrives_once(self, broker: Broker) -> None:
        await limited(broker, concurrency_per_key=1)
        await broker.send([message("1", key="k"), message("2", key="k")])
        [first] = await claim(broker)
        await broker.settle([ended(first)])
        assert await names(broker) == ["2"]
        assert (await depth(broker)).arrived == 2

    async def test_attempts_that_ended_are_counted_with_what_they_took(self, broker: Broker) -> None:
        await broker.send([message(unique) for unique in "123"])
        begun = await claim(broker)

        async def worked() -> bool:
            return time.time() - begun[0].started_at > 0.2

        await wait_for(worked, "the tasks to take a while")
        assert await broker.settle([ended(begun[0]), again(begun[1], Verb.RETRY, 60)]) == [True, True]
        found = await depth(broker)
        assert found.settled == 2
        assert 0.35 < found.ran < 10
        await broker.settle([again(begun[2], Verb.CRASH)])
        assert (await depth(broker)).settled == 3

    async def test_what_was_handed_back_or_lost_has_not_ended(self, broker: Broker) -> None:
        await broker.send([message(unique) for unique in "123"])
        first, second, third = await claim(broker)
        await broker.settle([again(first, Verb.RELEASE), again(second, Verb.PARK)])
        await broker.reclaim("mail", B, lease=0.0)
        assert await broker.settle([ended(third)]) == [False]
        assert (await depth(broker)).settled == 0


class TestLimits:
    async def test_without_any_nothing_is_said(self, broker: Broker) -> None:
        found = await depth(broker)
        assert (found.places, found.burst, found.rate) == (None, None, None)

    async def test_places_are_what_the_queue_may_run_besides(self, broker: Broker) -> None:
        await limited(broker, concurrency=3)
        await broker.send([message(unique) for unique in "12345"])
        assert (await depth(broker)).places == 3
        begun = await claim(broker)
        assert (await depth(broker)).places == 0
        await broker.settle([ended(begun[0])])
        assert (await depth(broker)).places == 1
        await limited(broker, concurrency=1)
        assert (await depth(broker)).places == 0

    async def test_a_rate_is_told_with_what_may_start_at_once(self, broker: Broker) -> None:
        await limited(broker, rate=2, period=3600, burst=4)
        await broker.send([message(unique) for unique in "123456"])
        found = await depth(broker)
        assert found.burst == 4
        assert found.rate == pytest.approx(2 / 3600)
        assert len(await claim(broker, 3)) == 3
        assert (await depth(broker)).burst == 1
        assert len(await claim(broker, 3)) == 1
        assert (await depth(broker)).burst == 0

    async def test_a_rate_of_each_key_is_none_of_the_queue(self, broker: Broker) -> None:
        await limited(broker, rate=2, period=60, burst=4, rate_per_key=True)
        found = await depth(broker)
        assert (found.burst, found.rate) == (None, None)


# --- what can't be read ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that a test may hold up."""
    server = Server(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


@pytest.fixture
async def streams(far: Server) -> AsyncIterator[Broker]:
    broker = connect(far.url, f"test-{uuid.uuid4().hex[:8]}")
    yield broker
    await asyncio.wait_for(broker.close(), 30)


async def test_a_queue_that_is_none_is_absent_and_the_others_are_told(far: Server, streams: Broker) -> None:
    await streams.send([message("1")])
    far.admin.set(QueueKeys(streams.namespace, "odd").streams[0], "not a stream")
    assert set(await streams.depth(["mail", "odd", "empty"])) == {"mail", "empty"}
    with pytest.raises(PenstockError, match="WRONGTYPE"):
        await streams.depth(["odd"])


async def test_a_full_redis_can_be_read(far: Server, streams: Broker) -> None:
    await streams.send([message("1")])
    far.admin.config_set("maxmemory", int(far.admin.info("memory")["used_memory"]) // 2)
    try:
        assert (await depth(streams)).ready == 1
    finally:
        far.admin.config_set("maxmemory", 0)


async def test_a_redis_that_stands_still_is_unknown_soon(
    far: Server, streams: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.broker.streams.steering.LOOK_SECONDS", 0.2)
    await streams.ping()
    far.hold()
    try:
        before = time.monotonic()
        with pytest.raises(NotConnected, match=r"hasn't answered within 0\.2 s"):
            await streams.depth(["mail", "other"])
        assert time.monotonic() - before < 5
    finally:
        far.resume()
    assert await depth(streams) == Depth()


async def test_what_the_entries_carry_stays_in_redis(far: Server, streams: Broker) -> None:
    await streams.send([message(str(number), payload=b"[[" + b"1" * 100_000 + b"],{}]") for number in range(3)])
    before = far.admin.info("stats")["total_net_output_bytes"]
    await depth(streams)
    assert far.admin.info("stats")["total_net_output_bytes"] - before < 50_000

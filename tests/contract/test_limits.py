"""Limits: rates, concurrency, pause and depth, of a queue and of single keys. Live leases never exceed them."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from penstock.broker import Broker
from penstock.broker.messages import Sent, Signal, Verb
from tests.contract.messages import A, B, again, claim, ended, limited, message, names, start_one
from tests.waiting import wait_for


async def promoted(broker: Broker, count: int) -> None:
    async def ready() -> bool:
        await broker.promote("mail")
        return (await broker.depth(["mail"]))["mail"].ready >= count

    await wait_for(ready, f"{count} tasks to become due")


class TestRate:
    async def test_an_even_spread_lets_one_start_at_a_time(self, broker: Broker) -> None:
        await limited(broker, rate=10, period=1.0)
        await broker.send([message(str(i)) for i in range(3)])
        first = await broker.claim("mail", A, 10)
        assert len(first.begun) == 1
        refused = await broker.claim("mail", A, 10)
        assert refused.begun == []
        assert 0 < refused.wait <= 0.1

    async def test_starts_conform_over_time(self, broker: Broker) -> None:
        await limited(broker, rate=20, period=1.0)
        await broker.send([message(str(i)) for i in range(6)])
        started: list[float] = []

        async def all_started() -> bool:
            started.extend(begun.started_at for begun in await claim(broker))
            return len(started) == 6

        await wait_for(all_started, "all to start")
        assert started[-1] - started[0] >= 5 * 0.05 - 0.005

    async def test_a_burst_may_start_at_once(self, broker: Broker) -> None:
        await limited(broker, rate=1, period=60.0, burst=3)
        await broker.send([message(str(i)) for i in range(5)])
        assert len(await claim(broker)) == 3
        assert await claim(broker) == []

    async def test_each_key_has_a_rate_of_its_own(self, broker: Broker) -> None:
        await limited(broker, rate=10, period=1.0, rate_per_key=True)
        await broker.send([message(f"{key}{i}", key=key) for key in "xy" for i in range(3)] + [message("free")])
        assert sorted(await names(broker)) == ["free", "x0", "y0"]
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.ready, depth.delayed + depth.due) == (0, 4)
        # Each was given a moment: what comes back when it is due isn't laid aside again.
        await promoted(broker, 4)
        assert sorted(await names(broker)) == ["x1", "x2", "y1", "y2"]


class TestConcurrency:
    async def test_live_leases_never_exceed_the_most(self, broker: Broker) -> None:
        await limited(broker, concurrency=2)
        await broker.send([message(str(i)) for i in range(5)])
        first, second = await claim(broker)
        refused = await broker.claim("mail", B, 10)
        assert refused.begun == []
        assert refused.wait > 0
        await broker.settle([ended(first), again(second, Verb.RETRY)])
        assert len(await claim(broker, by=B)) == 2

    async def test_the_claim_that_takes_the_last_place_says_so(self, broker: Broker) -> None:
        await limited(broker, concurrency=2)
        await broker.send([message(str(i)) for i in range(3)])
        assert (await broker.claim("mail", A, 1)).wait == 0
        assert (await broker.claim("mail", A, 1)).wait > 0

    async def test_what_was_read_before_goes_back(self, broker: Broker) -> None:
        await limited(broker, concurrency=1)
        await start_one(broker)
        await broker.send([message("2")])
        read = await broker.listen("mail", B, 1.0)
        assert (await broker.claim("mail", B, 0, read=read)).begun == []
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.ready, depth.in_flight) == (1, 1)

    async def test_a_dead_workers_places_are_free_again(self, broker: Broker) -> None:
        await limited(broker, concurrency=1, concurrency_per_key=1)
        await start_one(broker, key="x")
        await broker.send([message("2", key="x")])
        await broker.reclaim("mail", B, lease=0.0)
        assert await names(broker, by=B) == ["2"]

    async def test_room_is_told(self, broker: Broker) -> None:
        await limited(broker, concurrency=1)
        begun = await start_one(broker)
        heard: list[Signal] = []

        async def listen() -> None:
            async with aclosing(broker.signals(["mail"])) as signals:
                async for signal in signals:
                    heard.append(signal)  # noqa: PERF401 — it never ends

        listening = asyncio.create_task(listen())
        try:

            async def told() -> bool:
                nonlocal begun
                await broker.send([message(str(time.monotonic_ns()))])
                assert await claim(broker, by=B) == []  # from here on somebody waits for room
                await broker.settle([ended(begun)])
                [begun] = await claim(broker)
                return Signal("open", "mail") in heard

            await wait_for(told, "the room to be told")
        finally:
            listening.cancel()

    async def test_a_keys_tasks_come_one_after_the_other_and_in_order(self, broker: Broker) -> None:
        await limited(broker, concurrency_per_key=1)
        await broker.send([message(f"x{i}", key="x") for i in range(4)] + [message("y0", key="y"), message("free")])
        running = await claim(broker)
        assert [begun.lease.id for begun in running] == ["mail.x0", "mail.y0", "mail.free"]
        assert (await broker.depth(["mail"]))["mail"].gated == 3
        for expected in ("x1", "x2", "x3"):
            await broker.settle([ended(running[0])])
            running = await claim(broker)
            assert [begun.lease.id for begun in running] == [f"mail.{expected}"]

    async def test_a_retry_gives_its_key_to_the_next(self, broker: Broker) -> None:
        await limited(broker, concurrency_per_key=1)
        await broker.send([message("x0", key="x"), message("x1", key="x")])
        [first] = await claim(broker)
        await broker.settle([again(first, Verb.RETRY, delay=30)])
        assert await names(broker) == ["x1"]


class TestPause:
    async def test_nothing_starts_and_nothing_is_lost(self, broker: Broker) -> None:
        await claim(broker)
        await broker.pause("mail", True)
        await broker.send([message("1"), message("2")])
        refused = await broker.claim("mail", A, 10)
        assert (refused.begun, refused.wait > 0) == ([], True)
        assert (await broker.depth(["mail"]))["mail"].paused
        await broker.pause("mail", False)
        assert await names(broker) == ["1", "2"]

    async def test_what_was_read_before_is_not_begun(self, broker: Broker) -> None:
        await claim(broker)
        await broker.send([message("1")])
        read = await broker.listen("mail", A, 1.0)
        await broker.pause("mail", True)
        assert (await broker.claim("mail", A, 5, read=read)).begun == []
        await broker.pause("mail", False)
        assert await names(broker) == ["1"]


class TestDepth:
    async def test_a_full_queue_refuses_until_there_is_room(self, broker: Broker) -> None:
        await limited(broker, depth=2)
        receipts = await broker.send([message(str(i)) for i in range(3)])
        assert [receipt.sent for receipt in receipts] == [Sent.QUEUED, Sent.QUEUED, Sent.FULL]
        await claim(broker, 1)  # what runs doesn't wait
        assert [receipt.sent for receipt in await broker.send([message("2"), message("3")])] == [Sent.QUEUED, Sent.FULL]

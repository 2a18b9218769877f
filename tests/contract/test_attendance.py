"""Who works on a queue, and letting some of them claim no more: what a broker promises there."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing

import msgspec
import pytest
from redis import Redis

from penstock.broker import Broker, connect
from penstock.broker.cordon import Cordon
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Attendance, Claimer, Signal
from penstock.errors import Deposed
from penstock.keys import QueueKeys
from tests.contract.messages import A, B, start_one
from tests.waiting import wait_for

A2 = Claimer("a2", "worker-a")  # another process of the same worker


async def attendance(broker: Broker) -> dict[str, Attendance]:
    found = (await broker.depth(["mail"]))["mail"].workers
    assert len({one.consumer for one in found}) == len(found)
    return {one.consumer: one for one in found}


async def cordoned(broker: Broker, claimer: Claimer) -> Cordon:
    cordon = await broker.attend("mail", claimer, 0)
    assert cordon is not None
    return cordon


class TestAttending:
    async def test_who_attends_is_told_with_what_it_does(self, broker: Broker) -> None:
        assert await broker.attend("mail", A, 3) is None
        assert await broker.attend("mail", A2, 0) is None
        found = await attendance(broker)
        assert (found["a"].worker, found["a"].busy, found["a"].resting) == ("worker-a", 3, False)
        assert (found["a2"].worker, found["a2"].busy) == ("worker-a", 0)
        assert 0 <= found["a"].seen < 5

    async def test_the_last_word_counts(self, broker: Broker) -> None:
        await broker.attend("mail", A, 3)

        async def seen_a_while_ago() -> bool:
            return (await attendance(broker))["a"].seen > 0.5

        await wait_for(seen_a_while_ago, "time to pass")
        await broker.attend("mail", A, 1)
        found = (await attendance(broker))["a"]
        assert found.busy == 1
        assert found.seen < 0.5

    async def test_who_leaves_is_gone_at_once_whatever_it_holds(self, broker: Broker) -> None:
        await start_one(broker)
        await broker.attend("mail", A, 1)
        await broker.attend("mail", B, 0)
        await broker.leave("mail", A)
        assert set(await attendance(broker)) == {"b"}
        assert (await broker.depth(["mail"]))["mail"].holding == {"a": 1}

    async def test_queues_have_attendances_of_their_own(self, broker: Broker) -> None:
        await broker.attend("mail", A, 0)
        assert (await broker.depth(["other"]))["other"].workers == ()


class TestCordon:
    async def test_all_processes_of_a_worker_hear_of_it_and_no_others(self, broker: Broker) -> None:
        for claimer in (A, A2, B):
            await broker.attend("mail", claimer, 0)
        assert await broker.cordon("mail", ["worker-a"], 30) == {"worker-a"}
        for claimer in (A, A2):
            assert 25 < (await cordoned(broker, claimer)).seconds < 30.1
        assert await broker.attend("mail", B, 0) is None

    async def test_who_comes_later_hears_of_it_before_anything_else(self, broker: Broker) -> None:
        assert await broker.cordon("mail", ["worker-a", "worker-b"], 30) == frozenset()
        assert (await cordoned(broker, A)).seconds > 25
        assert await broker.cordon("mail", ["worker-a", "worker-b"], 30) == {"worker-a"}

    async def test_it_can_be_lifted(self, broker: Broker) -> None:
        await broker.cordon("mail", ["worker-a", "worker-b"], 30)
        await cordoned(broker, A)
        assert await broker.cordon("mail", ["worker-a"], 0) == {"worker-a"}
        assert await broker.attend("mail", A, 0) is None
        await cordoned(broker, B)

    async def test_it_is_over_in_time(self, broker: Broker) -> None:
        await broker.cordon("mail", ["worker-a"], 0.2)
        assert (await cordoned(broker, A)).seconds < 0.3

        async def over() -> bool:
            return await broker.attend("mail", A, 0) is None

        await wait_for(over, "the cordon to be over", patience=5)

    async def test_it_can_be_made_longer_and_shorter(self, broker: Broker) -> None:
        for seconds in (30, 300, 3):
            await broker.cordon("mail", ["worker-a"], seconds)
            assert seconds - 2 < (await cordoned(broker, A)).seconds < seconds + 0.1

    async def test_workers_are_told_at_once(self, broker: Broker) -> None:
        heard = asyncio.create_task(_first(broker))

        async def told() -> bool:
            await broker.cordon("mail", ["worker-a"], 30)
            return heard.done()

        await wait_for(told, "the signal")
        assert heard.result() == Signal("cordon", "mail")

    async def test_it_is_the_word_of_the_leader(self, redis_url: str) -> None:
        namespace = f"test-{uuid.uuid4().hex[:8]}"
        first, second = connect(redis_url, namespace), connect(redis_url, namespace)
        first.lead("operator", 1)
        second.lead("operator", 2)
        await second.begin_epoch("mail")
        with pytest.raises(Deposed):
            await first.cordon("mail", ["worker-a"], 30)
        assert await first.attend("mail", A, 0) is None
        await first.close()
        await second.close()


async def _first(broker: Broker) -> Signal:
    async with aclosing(broker.signals(["mail"])) as signals:
        async for signal in signals:
            return signal
    raise AssertionError("the signals ended")


class TestResting:
    """A promise to begin nothing before the end of a cordon, and worth no more than that."""

    async def rests(self, broker: Broker) -> bool:
        return (await attendance(broker))["a"].resting

    async def test_is_told_of_who_says_so(self, broker: Broker) -> None:
        await broker.cordon("mail", ["worker-a"], 30)
        cordon = await cordoned(broker, A)
        assert not await self.rests(broker)
        assert await broker.attend("mail", A, 0, resting=cordon) is not None
        assert await self.rests(broker)
        await cordoned(broker, A)
        assert not await self.rests(broker)

    async def test_holds_no_longer_than_the_cordon(self, broker: Broker) -> None:
        await broker.cordon("mail", ["worker-a"], 0.3)
        await broker.attend("mail", A, 0, resting=await cordoned(broker, A))

        async def over() -> bool:
            return not await self.rests(broker)

        await wait_for(over, "the rest to be over", patience=5)

    async def test_holds_no_longer_than_a_cordon_that_was_made_shorter(self, broker: Broker) -> None:
        await broker.cordon("mail", ["worker-a"], 60)
        cordon = await cordoned(broker, A)
        await broker.cordon("mail", ["worker-a"], 0.3)
        await broker.attend("mail", A, 0, resting=cordon)
        await broker.cordon("mail", ["worker-a"], 60)

        async def over() -> bool:
            return not await self.rests(broker)

        await wait_for(over, "the promise to be over", patience=5)

    async def test_is_over_when_the_cordon_is_lifted(self, broker: Broker) -> None:
        await broker.cordon("mail", ["worker-a"], 30)
        await broker.attend("mail", A, 0, resting=await cordoned(broker, A))
        await broker.cordon("mail", ["worker-a"], 0)
        assert not await self.rests(broker)

    async def test_is_said_anew_after_it_was_lifted(self, broker: Broker) -> None:
        """Whoever heard that may be at work by now."""
        await broker.cordon("mail", ["worker-a"], 30)
        await broker.attend("mail", A, 0, resting=await cordoned(broker, A))
        await broker.cordon("mail", ["worker-a"], 0)
        await broker.cordon("mail", ["worker-a"], 30)
        assert not await self.rests(broker)
        await broker.attend("mail", A, 0, resting=await cordoned(broker, A))
        assert await self.rests(broker)

    async def test_of_a_longer_cordon_is_said_anew(self, broker: Broker) -> None:
        """Whoever hasn't heard that it was made longer goes on at the end that he knows."""
        await broker.cordon("mail", ["worker-a"], 1)
        short = await cordoned(broker, A)
        await broker.cordon("mail", ["worker-a"], 60)
        long = await broker.attend("mail", A, 0, resting=short)
        assert await self.rests(broker)

        async def over() -> bool:
            return not await self.rests(broker)

        await wait_for(over, "the promise to be over", patience=5)
        await broker.attend("mail", A, 0, resting=long)
        assert await self.rests(broker)


class TestForgetting:
    """Its times are minutes, so Redis' own clock is of no use here."""

    async def test_processes_that_say_nothing_and_cordons_that_are_over(self) -> None:
        now = [1000.0]
        broker = MemoryBroker("test", clock=lambda: now[0])
        await broker.attend("mail", A, 0)
        now[0] += 9
        assert await broker.cordon("mail", ["worker-a"], 100) == {"worker-a"}
        now[0] += 2
        assert await broker.cordon("mail", ["worker-a"], 100) == frozenset()
        assert set(await attendance(broker)) == {"a"}
        now[0] += 60
        assert await attendance(broker) == {}

    async def test_of_many_in_redis_none_stays(self, redis_url: str) -> None:
        broker = connect(redis_url, f"test-{uuid.uuid4().hex[:8]}")
        keys = QueueKeys(broker.namespace, "mail")
        with Redis.from_url(redis_url) as redis:
            word = msgspec.msgpack.encode(["worker-0", 1_000, 0, 0])  # said in 1970
            redis.hset(keys.workers, mapping={f"old-{number}": word for number in range(50)})
            await broker.cordon("mail", [f"worker-{number}" for number in range(50)], 0.001)
            await broker.attend("mail", A, 0)
            assert set(await attendance(broker)) == {"a"}

            async def forgotten() -> bool:
                await broker.attend("mail", A, 0)
                return (redis.hlen(keys.workers), redis.hlen(keys.cordoned)) == (1, 0)

            await wait_for(forgotten, "what is over to be forgotten")
        await broker.close()

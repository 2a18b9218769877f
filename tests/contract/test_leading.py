"""Operators on one Redis: whoever led before can't act any more."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from penstock.broker import Broker, connect
from penstock.broker.messages import QueueConfig, Sent
from penstock.errors import Deposed
from tests.contract.messages import A, cancelled, claim, message, names, start_one

LEASE = "penstock-operator"


@pytest.fixture
async def two(redis_url: str) -> AsyncIterator[tuple[Broker, Broker]]:
    """The same namespace as two operators see it, the first of which leads."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    first, second = connect(redis_url, namespace), connect(redis_url, namespace)
    first.lead(LEASE, 1)
    yield first, second
    await first.close()
    await second.close()


class TestUnfinished:
    async def test_all_that_has_not_ended_is_told(self, broker: Broker) -> None:
        await start_one(broker, "running")
        await broker.send([message(str(number)) for number in range(50)])
        found, cursor = set[str](), ""
        while True:
            cursor, ids = await broker.unfinished("mail", cursor)
            found |= set(ids)
            if not cursor:
                break
        assert found == {*(f"mail.{number}" for number in range(50)), "mail.running"}


class TestLeading:
    async def test_a_leader_acts_as_anybody_would(self, broker: Broker) -> None:
        broker.lead(LEASE, 1)
        await broker.begin_epoch("mail")
        assert [receipt.sent for receipt in await broker.send([message("1")])] == [Sent.QUEUED]
        await broker.configure("mail", QueueConfig(timeout=5))
        assert (await broker.config("mail")).timeout == 5
        await broker.cancel(cancelled("1"), reason="user", life=60)
        assert await claim(broker) == []

    async def test_one_that_was_deposed_is_refused(self, two: tuple[Broker, Broker]) -> None:
        first, second = two
        await first.send([message("1")])
        second.lead(LEASE, 2)
        await second.begin_epoch("mail")
        with pytest.raises(Deposed) as refusal:
            await first.send([message("2")])
        assert refusal.value.epoch == 2
        for act in (
            first.withdraw("mail.1"),
            first.cancel(cancelled("1"), reason="late", life=60),
            first.configure("mail", QueueConfig(timeout=1)),
            first.pause("mail", True),
            first.begin_epoch("mail"),
        ):
            with pytest.raises(Deposed):
                await act
        assert await names(second) == ["1"]
        assert (await second.config("mail")).timeout is None

    async def test_reading_is_anybodys(self, two: tuple[Broker, Broker]) -> None:
        first, second = two
        second.lead(LEASE, 2)
        await second.send([message("1")])
        assert (await first.depth(["mail"]))["mail"].ready == 1
        assert await first.snapshots(["mail.1"]) != [None]

    async def test_workers_and_submitters_have_no_epoch(self, two: tuple[Broker, Broker]) -> None:
        first, second = two
        first.lead(LEASE, 7)
        await first.begin_epoch("mail")
        await second.send([message("1")])
        assert [begun.lease.id for begun in (await second.claim("mail", A, 1)).begun] == ["mail.1"]

    async def test_shards_have_leaders_of_their_own(self, two: tuple[Broker, Broker]) -> None:
        first, second = two
        second.lead("another-shard", 9)
        await second.begin_epoch("mail")
        assert [receipt.sent for receipt in await first.send([message("1")])] == [Sent.QUEUED]

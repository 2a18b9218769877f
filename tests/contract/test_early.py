"""Fresh tasks that may start while their claim is under way: an idle worker owes them no round trip."""

from __future__ import annotations

import time

import pytest

from penstock.broker import Broker
from penstock.broker.messages import Delivery, Limits, QueueConfig, Verb
from penstock.envelope import Unique
from tests.contract.messages import A, B, again, cancelled, claim, ended, limited, message, start_one


async def read_one(broker: Broker) -> Delivery:
    [delivery] = await broker.listen("mail", A, 1.0)
    return delivery


async def test_what_it_presumes_is_what_the_claim_says(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1")])
    delivery = await read_one(broker)
    [begun] = (await broker.claim("mail", A, 0, read=[delivery])).begun
    presumed = delivery.presumed
    assert (presumed.lease, presumed.verdict, presumed.message) == (begun.lease, begun.verdict, begun.message)
    assert (presumed.attempts, presumed.crashes, presumed.queued_at) == (begun.attempts, begun.crashes, begun.queued_at)
    assert abs(presumed.started_at - time.time()) < 5
    assert await broker.settle([ended(presumed)]) == [True]


async def test_its_lease_is_none_before_the_claim(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1")])
    presumed = (await read_one(broker)).presumed
    assert await broker.settle([ended(presumed)]) == [False]
    [snapshot] = await broker.snapshots(["mail.1"])
    assert snapshot is not None
    assert snapshot.outcome is None


async def test_it_is_worth_nothing_once_the_task_was_taken_away(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1")])
    delivery = await read_one(broker)
    await broker.cancel(cancelled("1"), reason="user", life=60)
    assert (await broker.claim("mail", A, 0, read=[delivery])).begun == []
    assert await broker.settle([ended(delivery.presumed)]) == [False]


async def test_it_is_worth_nothing_once_another_has_the_task(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1")])
    delivery = await read_one(broker)
    await broker.reclaim("mail", B, lease=0.0)
    [begun] = await claim(broker, by=B)
    assert (await broker.claim("mail", A, 0, read=[delivery])).begun == []
    assert await broker.settle([ended(delivery.presumed)]) == [False]
    assert await broker.settle([ended(begun)]) == [True]


@pytest.mark.parametrize("limits", [Limits(concurrency=5), Limits(rate=5, burst=5)])
async def test_a_limited_queue_lets_nothing_start_early(broker: Broker, limits: Limits) -> None:
    await broker.configure("mail", QueueConfig(limits=limits))
    await claim(broker)
    await broker.send([message("1")])
    assert (await read_one(broker)).nonce == ""


async def test_a_paused_queue_lets_nothing_start_early(broker: Broker) -> None:
    await claim(broker)
    await broker.pause("mail", True)
    await broker.send([message("1")])
    assert (await read_one(broker)).nonce == ""


async def test_limits_that_came_meanwhile_hold(broker: Broker) -> None:
    await start_one(broker, "other")
    await broker.send([message("1")])
    delivery = await read_one(broker)
    await limited(broker, concurrency=1)
    assert (await broker.claim("mail", A, 0, read=[delivery])).begun == []
    depth = (await broker.depth(["mail"]))["mail"]
    assert (depth.ready, depth.in_flight) == (1, 1)


async def test_a_task_with_a_key_starts_by_its_claim_alone(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1", key="customer")])
    assert (await read_one(broker)).nonce == ""
    await broker.send([message("2", unique=Unique("order"))])
    assert (await read_one(broker)).nonce == ""


async def test_what_comes_again_starts_by_its_claim_alone(broker: Broker) -> None:
    await broker.settle([again(await start_one(broker), Verb.RETRY)])
    assert (await read_one(broker)).nonce == ""
    await broker.send([message("2")])
    await broker.unclaim([await read_one(broker)])
    assert (await read_one(broker)).nonce == ""

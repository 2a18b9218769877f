"""A dead letter that is run again is the task that it was: nothing of it is lost but what belongs to its attempts."""

from __future__ import annotations

import time

from penstock.broker import Broker
from penstock.broker.messages import Begun, Sent
from penstock.envelope import Unique, decode
from penstock.links import Feed, Links
from penstock.status import Phase
from tests.contract.messages import claim, ended, limited, message, names, start_one


async def replayed(broker: Broker, unique: str = "1", /, **fields: object) -> Begun:
    """A task that has died and was run again."""
    begun = await start_one(broker, unique, **fields)
    await broker.settle([ended(begun, Phase.DEAD_LETTERED)])
    assert await broker.replay("mail", [begun.lease.id]) == 1
    [again] = await claim(broker)
    return again


async def test_it_keeps_its_concurrency_key(broker: Broker) -> None:
    await broker.send([message(f"x{number}", key="x") for number in range(4)])
    letters = [ended(begun, Phase.DEAD_LETTERED) for begun in await claim(broker)]
    await broker.settle(letters)
    await limited(broker, concurrency_per_key=1)
    assert await broker.replay("mail", [letter.lease.id for letter in letters]) == 4
    assert await names(broker) == ["x0"]


async def test_it_keeps_its_idempotency_key_and_frees_it_at_its_end(broker: Broker) -> None:
    key = Unique("k", keep_on_failure=True)
    begun = await replayed(broker, unique=key)
    [receipt] = await broker.send([message("2", unique=key)])
    assert receipt.sent is Sent.DUPLICATE
    await broker.settle([ended(begun)])
    [receipt] = await broker.send([message("3", unique=key)])
    assert receipt.sent is Sent.QUEUED


async def test_a_key_that_it_gave_back_is_its_own_again(broker: Broker) -> None:
    key = Unique("k")
    begun = await replayed(broker, unique=key)
    [receipt] = await broker.send([message("2", unique=key)])
    assert (receipt.sent, receipt.id) == (Sent.DUPLICATE, begun.lease.id)


async def test_a_key_that_another_has_by_now_stays_the_others(broker: Broker) -> None:
    key = Unique("k")
    begun = await start_one(broker, unique=key)
    await broker.settle([ended(begun, Phase.DEAD_LETTERED)])
    await broker.send([message("2", unique=key)])
    await broker.replay("mail", [begun.lease.id])
    await broker.settle([ended(one) for one in await claim(broker) if one.lease.id == begun.lease.id])
    [receipt] = await broker.send([message("3", unique=key)])
    assert (receipt.sent, receipt.id) == (Sent.DUPLICATE, "mail.2")


async def test_it_does_not_expire_and_its_deadline_counts_anew(broker: Broker) -> None:
    before = time.time() - 100
    sent = message("1", expires_at=before + 10, deadline=before + 30)
    begun = await replayed(broker, expires_at=before + 10, deadline=before + 30)
    now = decode(begun.message)
    assert now.expires_at is None
    assert now.deadline is not None
    assert abs(now.deadline - time.time() - (before + 30 - sent.created_at)) < 5


async def test_it_keeps_its_checkpoint_and_priority(broker: Broker) -> None:
    begun = await start_one(broker, priority="critical")
    await broker.checkpoint(begun.lease, b'"page 7"')
    await broker.settle([ended(begun, Phase.DEAD_LETTERED)])
    await broker.replay("mail", [begun.lease.id])
    await broker.send([message("2", priority="high")])
    first, _ = await claim(broker)
    assert (first.lease.id, first.checkpoint, first.attempts) == ("mail.1", b'"page 7"', 1)


async def test_whoever_waits_for_it_hears_of_its_end(broker: Broker) -> None:
    begun = await replayed(broker, links=Links(feeds=(Feed("mail.last", 0),)))
    for one in await broker.take_ended("mail", 10, patience=0.0):  # of its first end
        await broker.relayed("mail", [one])
    await broker.settle([ended(begun)])
    [told] = await broker.take_ended("mail", 10, patience=0.0)
    assert told.outcome.phase is Phase.SUCCEEDED


async def test_what_is_forgotten_leaves_nothing(broker: Broker) -> None:
    begun = await start_one(broker, key="x")
    await broker.settle([ended(begun, Phase.DEAD_LETTERED)])
    assert await broker.purge("mail", [begun.lease.id]) == 1
    assert await broker.replay("mail", [begun.lease.id]) == 0
    assert (await broker.depth(["mail"]))["mail"].dead == 0

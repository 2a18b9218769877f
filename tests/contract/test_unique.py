"""Idempotency keys: while one task holds a key, another isn't queued under it."""

from __future__ import annotations

import pytest

from penstock import ConfigurationError, Penstock
from penstock.broker import Broker
from penstock.broker.messages import Receipt, Sent, Verb
from penstock.client import BrokerClient
from penstock.envelope import Unique
from penstock.outcome import Outcome
from penstock.status import Phase
from tests.contract.messages import again, cancelled, claim, ended, message
from tests.waiting import wait_for


async def send(broker: Broker, unique: str, key: Unique) -> Receipt:
    [receipt] = await broker.send([message(unique, unique=key)])
    return receipt


async def free(broker: Broker, key: Unique) -> bool:
    """Whether another task gets the key; it is taken off again."""
    receipt = await send(broker, "probe", key)
    if receipt.sent is Sent.QUEUED:
        await broker.withdraw("mail.probe")
    return receipt.sent is Sent.QUEUED


async def test_a_duplicate_gets_the_first_ones_id(broker: Broker) -> None:
    key = Unique("k")
    assert await send(broker, "1", key) == Receipt(Sent.QUEUED, "mail.1")
    assert await send(broker, "2", key) == Receipt(Sent.DUPLICATE, "mail.1")
    assert (await send(broker, "3", Unique("other"))).sent is Sent.QUEUED
    assert await broker.snapshots(["mail.2"]) == [None]


async def test_until_started(broker: Broker) -> None:
    key = Unique("k", "started")
    await send(broker, "1", key)
    assert not await free(broker, key)
    await claim(broker)
    assert await free(broker, key)


async def test_until_finished(broker: Broker) -> None:
    key = Unique("k")
    await send(broker, "1", key)
    [begun] = await claim(broker)
    assert not await free(broker, key)
    await broker.settle([again(begun, Verb.RETRY)])
    assert not await free(broker, key)
    [begun] = await claim(broker)
    await broker.settle([ended(begun)])
    assert await free(broker, key)


async def test_for_a_time(broker: Broker) -> None:
    key = Unique("k", "expired", ttl=0.3)
    await send(broker, "1", key)
    [begun] = await claim(broker)
    await broker.settle([ended(begun)])
    assert not await free(broker, key)

    async def expired() -> bool:
        return await free(broker, key)

    await wait_for(expired, "the key to expire")


@pytest.mark.parametrize("until", ["finished", "expired"])
async def test_a_failure_frees_it_unless_it_is_to_be_kept(broker: Broker, until: str) -> None:
    for keep in (False, True):
        key = Unique(f"k-{keep}", until, keep_on_failure=keep)  # type: ignore[arg-type]  # one of the two
        await send(broker, f"{keep}", key)
        [begun] = await claim(broker)
        await broker.settle([ended(begun, Phase.FAILED)])
        assert await free(broker, key) is not keep


async def test_cancelling_and_withdrawing_free_it(broker: Broker) -> None:
    key = Unique("k")
    await send(broker, "1", key)
    await broker.cancel(cancelled("1"), reason="user", life=60)
    assert await free(broker, key)
    await send(broker, "2", key)
    await broker.withdraw("mail.2")
    assert await free(broker, key)


async def test_a_later_holder_keeps_it_when_the_first_ends(broker: Broker) -> None:
    key = Unique("k", "started")
    await send(broker, "1", key)
    [begun] = await claim(broker)
    await send(broker, "2", key)
    await broker.settle([ended(begun)])
    assert not await free(broker, key)


@pytest.mark.parametrize("ended", [False, True])
async def test_an_id_is_of_one_tasks_calls(broker: Broker, ended: bool) -> None:
    """Else the other would get its result, and never run."""
    app = Penstock("shop", url="memory://")
    charge, ship = app.task(name="shop.charge")(len), app.task(name="shop.ship")(len)
    client = BrokerClient(broker)
    first = await client.submit(charge.options(id="order-42").s("a"))
    if ended:
        end = Outcome(id=first.id, task="shop.charge", phase=Phase.CANCELLED, finished_at=1.0)
        await broker.cancel(end, reason="user", life=60)
    assert (await client.submit(charge.options(id="order-42").s("a"))).id == first.id
    call = ship.options(id="order-42").s("a")
    with pytest.raises(ConfigurationError, match=r"shop\.order-42 is a call of shop\.charge already"):
        await client.submit(call)
    with pytest.raises(ConfigurationError, match=r"shop\.order-42 is a call of shop\.charge already"):
        await client.submit_many([ship.s("b"), call])

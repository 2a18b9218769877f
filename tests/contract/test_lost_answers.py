"""A claim whose answer was lost has started nothing: it counts neither as an attempt nor as a crash."""

from __future__ import annotations

from penstock.broker import Broker
from penstock.broker.messages import Verb
from tests.contract.messages import A, B, again, claim, limited, message, names


async def test_the_tasks_are_ready_again(broker: Broker) -> None:
    await broker.send([message("1"), message("2", key="x")])
    await claim(broker)  # and nobody hears what it brought
    assert await broker.relinquish("mail", A, []) == 2
    for begun in await claim(broker, by=B):
        assert (begun.attempts, begun.starts, begun.crashes) == (1, 1, 0)


async def test_after_any_number_of_lost_answers(broker: Broker) -> None:
    await broker.send([message("1")])
    for _ in range(5):
        await claim(broker)
        await broker.relinquish("mail", A, [])
    [begun] = await claim(broker)
    assert (begun.attempts, begun.crashes) == (1, 0)


async def test_what_runs_goes_on(broker: Broker) -> None:
    await broker.send([message("1"), message("2")])
    [first] = await claim(broker, 1)
    await claim(broker, 1)
    assert await broker.relinquish("mail", A, [first.lease]) == 1
    assert await names(broker, by=B) == ["2"]
    assert await broker.settle([again(first, Verb.RETRY)]) == [True]


async def test_what_others_hold_is_theirs(broker: Broker) -> None:
    await broker.send([message("1")])
    [begun] = await claim(broker, by=B)
    assert await broker.relinquish("mail", A, []) == 0
    assert await broker.settle([again(begun, Verb.RETRY)]) == [True]


async def test_what_was_only_read_is_ready_again_too(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1")])
    await broker.listen("mail", A, 1.0)
    assert await broker.relinquish("mail", A, []) == 1
    assert await names(broker, by=B) == ["1"]


async def test_places_are_given_back(broker: Broker) -> None:
    await limited(broker, concurrency=1, concurrency_per_key=1)
    await broker.send([message("1", key="x"), message("2", key="x")])
    await claim(broker)
    await broker.relinquish("mail", A, [])
    assert len(await claim(broker, by=B)) == 1


async def test_a_suspect_stays_one(broker: Broker) -> None:
    await broker.send([message("1")])
    await claim(broker)
    await broker.reclaim("mail", B, lease=0.0)
    await claim(broker, by=B, alone=True)
    await broker.relinquish("mail", B, [])
    assert await names(broker, by=B) == []
    [begun] = await claim(broker, by=B, alone=True)
    assert (begun.attempts, begun.crashes) == (2, 1)


async def test_handing_back_counts_as_a_start_but_not_as_an_attempt(broker: Broker) -> None:
    await broker.send([message("1")])
    [begun] = await claim(broker)
    await broker.settle([again(begun, Verb.RELEASE)])
    [begun] = await claim(broker)
    assert (begun.attempts, begun.starts) == (1, 2)


async def test_parking_counts_as_neither(broker: Broker) -> None:
    await broker.send([message("1")])
    [begun] = await claim(broker)
    await broker.settle([again(begun, Verb.PARK)])
    await broker.unpark("mail", ["mail.1"])
    [begun] = await claim(broker)
    assert (begun.attempts, begun.starts) == (1, 1)

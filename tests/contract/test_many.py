"""Many of one kind hide none behind them, whatever the size of a page is."""

from __future__ import annotations

import time

from penstock.broker import Broker
from penstock.broker.messages import Lease, Sent, Verb
from penstock.envelope import ResourceRef, Unique
from penstock.links import Feed, Links
from penstock.status import Phase
from tests.contract.messages import A, B, again, cancelled, claim, ended, message, start_one
from tests.waiting import wait_for

MANY = 1200


async def sent(broker: Broker, count: int, name: str = "t", /, **fields: object) -> None:
    for first in range(0, count, 400):
        await broker.send([message(f"{name}{n}", **fields) for n in range(first, min(count, first + 400))])


async def test_an_abandoned_task_behind_many_that_live(broker: Broker) -> None:
    await sent(broker, 6 * MANY)
    kept: list[Lease] = []
    while len(kept) < 6 * MANY:
        kept += [begun.lease for begun in await claim(broker, 500)]
    await broker.send([message("lost")])
    [lost] = await claim(broker, by=B)

    async def found() -> bool:
        for first in range(0, len(kept), 200):
            broker.renew(kept[first : first + 200], A)
        return (await broker.reclaim("mail", B, lease=1.0)).moved == 1

    await wait_for(found, "the abandoned task to be found")
    assert (await broker.depth(["mail"]))["mail"].in_flight == len(kept)
    [again_begun] = await claim(broker, by=B, alone=True)
    assert again_begun.lease.id == lost.lease.id


async def test_idempotency_keys_that_expired_together(broker: Broker) -> None:
    count = 500
    for n in range(count):
        await broker.send([message(f"t{n}", unique=Unique(f"k{n}", "expired", ttl=0.2))])

    async def all_free() -> bool:
        [receipt] = await broker.send([message(f"last{time.monotonic_ns()}", unique=Unique(f"k{count - 1}", ttl=0.01))])
        return receipt.sent is Sent.QUEUED

    await wait_for(all_free, "the last key to be free")


async def test_parked_tasks_are_paged_through(broker: Broker) -> None:
    await sent(broker, MANY)
    taken = 0
    while taken < MANY:
        some = await claim(broker, 400)
        await broker.settle([again(begun, Verb.PARK) for begun in some])
        taken += len(some)
    seen: set[str] = set()
    while page := await broker.parked("mail", 500, skip=len(seen)):
        seen |= {delivery.id for delivery in page}
    assert len(seen) == MANY


async def test_outcomes_that_nobody_can_report(broker: Broker) -> None:
    for n in range(MANY):
        of = ResourceRef("shop", f"t{n}", f"uid-{n}")
        begun = await start_one(broker, f"t{n}", resource=of)
        await broker.settle([ended(begun, resource=of)])
    seen: set[str] = set()
    for _ in range(40):
        seen |= {outcome.id for outcome in await broker.outbox("mail", 100)}
    assert len(seen) == MANY


async def test_ends_that_somebody_tells_of_just_now(broker: Broker) -> None:
    links = Links(feeds=(Feed("mail.last", 0),))
    for n in range(MANY):
        begun = await start_one(broker, f"told{n}", links=links)
        await broker.settle([ended(begun)])  # its worker tells
        await broker.send([message(f"untold{n}", links=links)])
        await broker.cancel(cancelled(f"untold{n}"), reason="user", life=60)
    seen: set[str] = set()
    for _ in range(60):
        seen |= {one.outcome.id for one in await broker.take_ended("mail", 100, patience=3600.0)}
    assert len(seen) == MANY


async def test_dead_letters_are_replayed_to_the_last(broker: Broker) -> None:
    await sent(broker, MANY)
    dead = 0
    while dead < MANY:
        some = await claim(broker, 400)
        await broker.settle([ended(begun, Phase.DEAD_LETTERED) for begun in some])
        dead += len(some)
    letters = await broker.dead_letters("mail", MANY)
    ids = [letter.id for letter in letters]
    assert sum([await broker.replay("mail", ids[at : at + 400]) for at in range(0, MANY, 400)]) == MANY
    assert (await broker.depth(["mail"]))["mail"].ready == MANY

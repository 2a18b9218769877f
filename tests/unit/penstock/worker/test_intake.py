from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from penstock.broker.protocol import Delivery
from penstock.worker import intake as module
from penstock.worker.intake import Intake
from penstock.worker.slots import Slots
from tests.unit.penstock.worker.brokers import FlakyBroker, message
from tests.waiting import wait_for


class Accepted:
    """Takes deliveries; as the runner does, each keeps its place until `finish`."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        self.ids += [delivery.id for delivery in deliveries]

    async def reach(self, count: int) -> None:
        async def arrived() -> bool:
            return len(self.ids) >= count

        await wait_for(arrived, f"{count} deliveries")


@pytest.fixture
def broker() -> FlakyBroker:
    return FlakyBroker()


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> Accepted:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    return Accepted()


@asynccontextmanager
async def reading(intake: Intake) -> AsyncIterator[None]:
    task = asyncio.create_task(intake.run())
    try:
        yield
    finally:
        intake.stop()
        intake.slots.close()
        await asyncio.wait_for(task, 5)


async def test_what_is_ready_is_claimed_up_to_the_free_places(broker: FlakyBroker, accepted: Accepted) -> None:
    await broker.send([message(str(n)) for n in range(5)])
    slots = Slots(3)
    async with reading(Intake(broker, "mail", 0, "a", slots, accepted)):
        await accepted.reach(3)
        assert slots.free == 0
        slots.give_back(2)
        await accepted.reach(5)


async def test_what_comes_while_it_waits_is_claimed(broker: FlakyBroker, accepted: Accepted) -> None:
    async with reading(Intake(broker, "mail", 0, "a", Slots(1), accepted)):
        await broker.send([message("1")])
        await accepted.reach(1)
    assert accepted.ids == ["mail/1"]


async def test_places_without_a_message_are_given_back(broker: FlakyBroker, accepted: Accepted) -> None:
    slots = Slots(8)
    await broker.send([message("1")])
    async with reading(Intake(broker, "mail", 0, "a", slots, accepted)):
        await accepted.reach(1)
    assert slots.busy == 1


async def test_a_message_that_finds_no_place_is_handed_back(broker: FlakyBroker, accepted: Accepted) -> None:
    slots = Slots(1)
    async with reading(Intake(broker, "mail", 0, "a", slots, accepted)):

        async def waits() -> bool:
            return broker.calls["claim"] >= 2

        await wait_for(waits, "the reader to wait for a message")
        assert slots.take_now(1) == 1  # another queue takes the only place
        await broker.send([message("1")])

        async def handed_back() -> bool:
            depth = (await broker.depth(["mail"]))["mail"]
            return (depth.ready, depth.in_flight) == (1, 0) and broker.calls["claim"] >= 2

        await wait_for(handed_back, "the message to be ready again")
        assert accepted.ids == []
        slots.give_back()
        await accepted.reach(1)


async def test_a_stopped_reader_claims_no_more_and_keeps_no_message(broker: FlakyBroker, accepted: Accepted) -> None:
    slots = Slots(1)
    intake = Intake(broker, "mail", 0, "a", slots, accepted)
    async with reading(intake):

        async def waits() -> bool:
            return broker.calls["claim"] >= 2

        await wait_for(waits, "the reader to wait for a message")
        intake.stop()
        await broker.send([message("1")])
    assert accepted.ids == []
    assert (await broker.depth(["mail"]))["mail"].ready == 1
    assert slots.free == 1


async def test_an_outage_is_waited_out_without_losing_places(broker: FlakyBroker, accepted: Accepted) -> None:
    broker.outages["claim"] = 3
    await broker.send([message("1")])
    slots = Slots(4)
    async with reading(Intake(broker, "mail", 0, "a", slots, accepted)):
        await accepted.reach(1)
    assert slots.busy == 1

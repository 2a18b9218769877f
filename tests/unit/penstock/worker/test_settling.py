from __future__ import annotations

import asyncio
import time

import pytest

from penstock.broker.protocol import Begun, Settlement, Verb
from penstock.outcome import Outcome
from penstock.status import Phase
from penstock.worker import settling as module
from penstock.worker.settling import Settling
from tests.unit.penstock.worker.brokers import FlakyBroker, begun


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FlakyBroker:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.004)
    return FlakyBroker()


def success(start: Begun) -> Settlement:
    outcome = Outcome(id=start.lease.id, task="shop.send", phase=Phase.SUCCEEDED, finished_at=time.time())
    return Settlement(lease=start.lease, verb=Verb.END, message=b"", phase=Phase.SUCCEEDED, outcome=outcome, life=60.0)


async def test_an_outcome_is_settled(broker: FlakyBroker) -> None:
    assert await Settling(broker).settle(success(await begun(broker)))


async def test_a_lost_lease_is_told(broker: FlakyBroker) -> None:
    settling, settlement = Settling(broker), success(await begun(broker))
    await settling.settle(settlement)
    assert not await settling.settle(settlement)


async def test_it_goes_on_trying_while_the_broker_is_away(broker: FlakyBroker) -> None:
    settlement = success(await begun(broker))
    broker.outages["settle"] = 5
    assert await asyncio.wait_for(Settling(broker).settle(settlement), 5)
    assert broker.calls["settle"] == 6


async def test_what_ends_during_an_outage_is_settled_together(broker: FlakyBroker) -> None:
    starts = [await begun(broker, str(n)) for n in range(4)]
    broker.outages["settle"] = 3
    settling = Settling(broker)
    assert await asyncio.gather(*(settling.settle(success(start)) for start in starts)) == [True] * 4
    assert [len(batch) for batch in broker.settled] == [4]


async def test_one_that_is_cancelled_waiting_takes_nobody_with_it(broker: FlakyBroker) -> None:
    one, other = await begun(broker, "1"), await begun(broker, "2")
    broker.outages["settle"] = 3
    settling = Settling(broker)
    first, second = (
        asyncio.create_task(settling.settle(success(one))),
        asyncio.create_task(settling.settle(success(other))),
    )
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.wait_for(second, 5)

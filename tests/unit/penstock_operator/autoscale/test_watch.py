from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection

import pytest

from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Claimer, Depth
from penstock.envelope import Envelope
from penstock.errors import NotConnected
from penstock.stopping import stopped
from penstock_operator.api import Key
from penstock_operator.autoscale import watch as module
from penstock_operator.autoscale.watch import Watch
from penstock_operator.brokers import Brokers
from tests.waiting import wait_for

MAIL = ("shop", "mail")


class Watched:
    """Queues in memory that a watch looks at: all of them once, and then those that wake."""

    def __init__(self) -> None:
        self.brokers = Brokers("memory://")
        self.told: list[set[Key]] = []
        self.wanted: dict[Key, float] = {MAIL: 2.0, ("shop", "reports"): 0.0, ("billing", "mail"): 0.0}
        self.asleep: list[Key] = []
        self.running: list[asyncio.Task[None]] = []
        self.watch = Watch(self.brokers, lambda: self.wanted, lambda key: key in self.asleep, self._tell)

    def run(self) -> None:
        """Begin to watch."""
        self.running.append(asyncio.create_task(self.watch.run()))

    def _tell(self, queues: Collection[Key]) -> None:
        self.told.append(set(queues))

    async def send(self, *, queue: str = "mail", id: str = "1", not_before: float | None = None) -> None:
        message = Envelope(id=f"{queue}.{id}", task="a.b", queue=queue, created_at=1.0, not_before=not_before)
        await self.brokers.of("shop").send([message])

    async def looks(self, count: int) -> None:
        async def looked() -> bool:
            return len(self.told) >= count

        await wait_for(looked, f"{count} looks at the queues", patience=5)

    def depth(self, key: Key = MAIL) -> Depth | None:
        return self.watch.readings[key].depth


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 3600)
    monkeypatch.setattr(module, "SHORTEST_SECONDS", 0.001)
    watched = Watched()
    yield watched
    await stopped(*watched.running)


async def test_every_wanted_queue_is_read(watched: Watched) -> None:
    await watched.send()
    watched.run()
    await watched.looks(1)
    assert watched.told == [set(watched.wanted)]
    ready = {key: reading.depth.ready if reading.depth else None for key, reading in watched.watch.readings.items()}
    assert ready == {MAIL: 1, ("shop", "reports"): 0, ("billing", "mail"): 0}


async def test_what_is_due_within_its_horizon_counts_as_due(watched: Watched) -> None:
    await watched.send(not_before=time.time() + 1)
    await watched.send(queue="reports", not_before=time.time() + 1)
    watched.run()
    await watched.looks(1)
    found = [watched.depth(MAIL), watched.depth(("shop", "reports"))]
    assert [(depth.due, depth.delayed) for depth in found if depth] == [(1, 0), (0, 1)]


async def test_what_cannot_be_read_is_unknown_and_not_zero(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(queues: object, *, horizon: object) -> dict[str, Depth]:
        raise NotConnected("nothing answers")

    broker = watched.brokers.of("shop")
    assert isinstance(broker, MemoryBroker)
    monkeypatch.setattr(broker, "depth", away)
    watched.run()
    await watched.looks(1)
    assert (watched.depth(MAIL), watched.depth(("billing", "mail"))) == (None, Depth())


async def test_a_queue_that_is_nudged_is_looked_at_alone(watched: Watched) -> None:
    watched.run()
    await watched.looks(1)
    for _ in range(100):
        watched.watch.nudge(MAIL)
    await watched.looks(2)
    assert watched.told[1:] == [{MAIL}]


async def test_a_sleeping_queue_says_when_something_comes(watched: Watched) -> None:
    watched.asleep = [MAIL]
    watched.run()
    await watched.looks(1)
    await watched.send()
    await watched.looks(2)
    depth = watched.depth()
    assert (watched.told[1], depth and depth.ready) == ({MAIL}, 1)


async def test_one_where_something_came_before_it_slept_is_looked_at_again(watched: Watched) -> None:
    await watched.send()
    watched.asleep = [MAIL]
    watched.run()
    await watched.looks(2)
    assert watched.told[1] == {MAIL}


async def test_rates_go_on_where_a_look_has_failed(watched: Watched) -> None:
    watched.run()
    await watched.looks(1)
    await watched.send()
    await watched.brokers.of("shop").claim("mail", Claimer("w", "pod"), 1)
    watched.watch.nudge(MAIL)
    await watched.looks(2)
    rates = watched.watch.readings[MAIL].rates
    assert rates is not None
    assert rates.arrivals.quick > 0


async def test_a_queue_that_nobody_wants_any_more_is_forgotten(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    watched.run()
    await watched.looks(1)
    del watched.wanted[MAIL]
    await watched.looks(3)
    assert MAIL not in watched.watch.readings

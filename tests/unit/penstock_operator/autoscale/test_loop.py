from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Depth
from penstock.envelope import Envelope
from penstock.errors import NotConnected
from penstock_operator.autoscale import loop as module
from penstock_operator.autoscale.loop import Signals
from penstock_operator.brokers import Brokers
from tests.waiting import wait_for

Looks = list[dict[tuple[str, str], Depth | None]]


class Watch:
    """Signals that look when they are nudged only."""

    def __init__(self) -> None:
        self.brokers = Brokers("memory://")
        self.looks: Looks = []
        self.wanted = {("shop", "mail"), ("shop", "reports"), ("billing", "mail")}
        self.signals = Signals(self.brokers, lambda: self.wanted, self.looks.append)

    async def look(self) -> dict[tuple[str, str], Depth | None]:
        before = len(self.looks)

        async def looked() -> bool:
            return len(self.looks) > before

        self.signals.nudge()
        await wait_for(looked, "the queues to be read", patience=5)
        return self.looks[-1]


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 3600)
    monkeypatch.setattr(module, "SHORTEST_SECONDS", 0.001)
    watch = Watch()
    running = asyncio.create_task(watch.signals.run())
    yield watch
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_every_wanted_queue_is_read(watch: Watch) -> None:
    await watch.brokers.of("shop").send([Envelope(id="mail/1", task="a.b", queue="mail", created_at=1.0)])
    depths = await watch.look()
    assert set(depths) == watch.wanted
    assert [depth.ready if depth else None for _, depth in sorted(depths.items())] == [0, 1, 0]


async def test_what_is_due_soon_counts_as_due(watch: Watch) -> None:
    soon = Envelope(id="mail/1", task="a.b", queue="mail", created_at=1.0, not_before=time.time() + 1)
    await watch.brokers.of("shop").send([soon])
    depth = (await watch.look())["shop", "mail"]
    assert depth is not None
    assert (depth.due, depth.delayed) == (1, 0)


async def test_what_cannot_be_read_is_unknown_and_not_zero(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(queues: object, *, horizon: float = 0.0) -> dict[str, Depth]:
        raise NotConnected("nothing answers")

    broker = watch.brokers.of("shop")
    assert isinstance(broker, MemoryBroker)
    monkeypatch.setattr(broker, "depth", away)
    depths = await watch.look()
    assert depths["shop", "mail"] is None
    assert depths["billing", "mail"] == Depth()


async def test_a_burst_of_news_is_one_look(watch: Watch) -> None:
    await watch.look()
    before = len(watch.looks)
    for _ in range(100):
        watch.signals.nudge()
    await watch.look()
    assert len(watch.looks) == before + 1

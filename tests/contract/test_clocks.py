"""Moments count by the broker's clock, however wrong the submitter's is."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from penstock import Penstock
from penstock.broker import Broker, connect
from penstock.connections import Connections
from penstock.envelope import Envelope, decode
from penstock.sqlalchemy import Outbox
from tests.contract.messages import A

NEAR = 5.0  # s: what a busy machine may take


async def test_a_broker_tells_the_time(broker: Broker) -> None:
    assert abs(await broker.time() - time.time()) < NEAR
    assert abs(broker.clock() - time.time()) < NEAR


class Wrong:
    """A submitter whose clock is so many seconds ahead."""

    def __init__(self, url: str, ahead: float) -> None:
        namespace = f"test-{uuid.uuid4().hex[:8]}"
        self.app = Penstock("shop")
        self.app.connections = Connections(url, namespace, lambda: time.time() + ahead)
        self.broker = connect(url, namespace)
        self.f = self.app.task(name="shop.f")(print)

    async def waiting(self) -> list[Envelope]:
        """The messages that may start now."""
        await self.broker.promote("shop")
        return [decode(begun.message) for begun in (await self.broker.claim("shop", A, 100)).begun]

    async def delayed(self) -> int:
        depth = (await self.broker.depth(["shop"]))["shop"]
        return depth.delayed - depth.due


@pytest.fixture(params=[-600, 600])
async def wrong(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Wrong]:
    wrong = Wrong(redis_url, request.param)
    yield wrong
    await wrong.app.close()
    await wrong.broker.close()


async def test_deadline_and_expiry(wrong: Wrong) -> None:
    began = time.time()
    await wrong.f.options(deadline=30, expires=60).enqueue()
    await wrong.app.enqueue_many([wrong.f.s(), wrong.f.options(deadline=30, expires=60).s()])
    await (wrong.f.options(deadline=30, expires=60).s() | wrong.f).enqueue()
    timed = [message for message in await wrong.waiting() if message.deadline]
    assert len(timed) == 3
    assert all(abs((message.deadline or 0) - began - 30) < NEAR for message in timed)
    assert all(abs((message.expires_at or 0) - began - 60) < NEAR for message in timed)


async def test_delays_and_moments(wrong: Wrong) -> None:
    soon, late = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(seconds=60)
    await wrong.f.options(delay=60).enqueue()
    await wrong.f.options(at=late).enqueue()
    handle = await wrong.f.options(key="k", debounce=60).enqueue()
    again = await wrong.f.options(key="k", debounce=60).enqueue()
    assert handle.id == again.id
    assert (await wrong.waiting(), await wrong.delayed()) == ([], 3)
    now = await wrong.f.options(at=soon).enqueue()
    assert [message.id for message in await wrong.waiting()] == [now.id]


async def test_rescheduling(wrong: Wrong) -> None:
    handle = await wrong.f.enqueue()
    assert await handle.reschedule(at=datetime.now(UTC) + timedelta(seconds=60))
    assert await wrong.waiting() == []
    assert await handle.reschedule(delay=60)
    assert await wrong.waiting() == []
    assert await handle.reschedule(at=datetime.now(UTC))
    assert len(await wrong.waiting()) == 1


async def test_what_an_outbox_sends_later(wrong: Wrong, tmp_path: Path) -> None:
    outbox, engine = Outbox(wrong.app), create_engine(f"sqlite:///{tmp_path}/shop.db")
    outbox.metadata.create_all(engine)
    began, at = time.time(), datetime.now(UTC) + timedelta(seconds=60)
    with Session(engine) as session, session.begin():
        outbox.enqueue(session, wrong.f.options(deadline=30, expires=60).s())
        outbox.enqueue(session, wrong.f.options(delay=60).s())
        outbox.enqueue(session, wrong.f.options(at=at).s())
    assert await outbox.send_committed(engine) == 3
    [message] = await wrong.waiting()
    assert abs((message.deadline or 0) - began - 30) < NEAR
    assert abs((message.expires_at or 0) - began - 60) < NEAR
    assert await wrong.delayed() == 2
    engine.dispose()

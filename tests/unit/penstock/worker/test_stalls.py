from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.worker import stalls as module
from penstock.worker.stalls import Stalls, place
from penstock.worker.tally import Tally
from tests.lines import lines
from tests.unit.penstock.worker.brokers import FlakyBroker, message
from tests.unit.penstock.worker.test_worker import ended, working
from tests.waiting import wait_for

STALL = 0.1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(module, "STALL_SECONDS", STALL)


@asynccontextmanager
async def watched() -> AsyncIterator[Tally]:
    tally = Tally()
    stalls = Stalls(lambda task: (task.get_name(), "mail.1"), list, tally)
    stalls.start()
    try:
        yield tally
    finally:
        stalls.stop()


async def blocked(name: str, seconds: float = 4 * STALL) -> None:
    async def block() -> None:
        time.sleep(seconds)  # noqa: ASYNC251 — what it is about

    await asyncio.create_task(block(), name=name)


async def test_who_blocks_the_loop_is_named_with_the_line_and_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    async with watched() as tally:
        await blocked("shop.report")
    [said] = lines(caplog)
    assert said.startswith("shop.report (mail.1) has blocked the event loop for 0.")
    assert f"s, at {__file__}:" in said
    assert " in block: time.sleep(seconds)" in said
    assert "make it a plain def" in said
    assert tally.stalls == {"shop.report": 1}


async def test_each_is_counted_and_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async with watched() as tally:
        for name in ("shop.report", "shop.report", "shop.other"):
            await blocked(name)
            await asyncio.sleep(STALL)
    assert tally.stalls == {"shop.report": 2, "shop.other": 1}
    assert [line.partition(" ")[0] for line in lines(caplog)] == ["shop.report", "shop.other"]


async def test_what_awaits_does_not_block(caplog: pytest.LogCaptureFixture) -> None:
    async with watched() as tally:
        await asyncio.sleep(4 * STALL)
        await blocked("shop.report", STALL / 4)
        await asyncio.sleep(STALL)
    assert not tally.stalls
    assert not lines(caplog)


async def test_a_callback_may_block_it_too(caplog: pytest.LogCaptureFixture) -> None:
    async with watched() as tally:
        asyncio.get_running_loop().call_soon(lambda: time.sleep(4 * STALL))
        await asyncio.sleep(0.02)
    assert tally.stalls == {"": 1}
    assert "something beside the tasks has blocked the event loop" in caplog.text


async def test_a_worker_names_its_task(caplog: pytest.LogCaptureFixture) -> None:
    async def report() -> None:
        time.sleep(4 * STALL)  # noqa: ASYNC251

    broker = FlakyBroker()
    await broker.send([message("1")])
    async with working(broker, report) as worker:
        await ended(broker)

        async def counted() -> object:
            return worker.tally.stalls

        await wait_for(counted, "the stall to be counted", patience=5)
        assert worker.tally.stalls == {"shop.send": 1}
    assert "shop.send (mail.1) has blocked the event loop" in caplog.text


async def test_what_a_task_has_started_is_told_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    async def report() -> None:
        await blocked("helper")

    broker = FlakyBroker()
    await broker.send([message("1")])
    async with working(broker, report):
        await ended(broker)
    named = "" if sys.version_info >= (3, 12) else "something beside "
    assert f"{named}shop.send (mail.1) has blocked the event loop" in caplog.text


def test_nobodys_place_but_ours_is_not_told() -> None:
    assert place(None) == ""
    assert place(sys._getframe()).startswith(f"at {__file__}:")

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel

from penstock import (
    ConfigurationError,
    Handle,
    Phase,
    ResultExpired,
    ResultTimeout,
    ResultUnreadable,
    SubmissionError,
    TaskStatus,
    UnknownTask,
)
from penstock.handle import Change, value_of
from penstock.outcome import Outcome
from penstock.portal import Portal

AWAY = SubmissionError("the broker is away")


class Receipt(BaseModel):
    total: int


class Record:
    """One task's record, as a test wants it to be."""

    def __init__(self, *phases: Phase, result: bytes = b"1") -> None:
        self.portal = Portal()
        self.codec = None
        self.phases = list(phases)
        self.result = result
        self.looks = 0
        self.waits = 0
        self.missing: Exception | None = None
        self.waiting: Callable[[], Awaitable[object]] = asyncio.Event().wait

    async def status(self, id: str) -> TaskStatus:
        self.looks += 1
        if self.missing is not None:
            raise self.missing
        return TaskStatus(self.phases.pop(0) if len(self.phases) > 1 else self.phases[0])

    async def wait(self, id: str) -> Outcome | None:
        self.waits += 1
        if not self.phases[0].terminal:
            await self.waiting()
        return Outcome(id=id, task="shop.f", phase=Phase.SUCCEEDED, finished_at=0.0, result=self.result)

    async def cancel(self, id: str) -> bool:
        return False

    async def revise(self, id: str, change: Change) -> bool:
        return False


async def slowly(record: Record) -> None:
    """As far as a broker is that isn't in this process."""
    wait = record.wait

    async def far(id: str) -> Outcome | None:
        await asyncio.sleep(0.02)
        return await wait(id)

    record.wait = far  # type: ignore[method-assign]  # a test's own


def raising() -> Callable[[], Awaitable[object]]:
    async def fail() -> None:
        raise AWAY

    return fail


async def left_over(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    await asyncio.sleep(0)
    return asyncio.all_tasks() - before


@pytest.mark.parametrize("timeout", [0, 0.001])
async def test_a_result_that_is_there_comes_however_short_the_time(timeout: float) -> None:
    record = Record(Phase.SUCCEEDED)
    await slowly(record)
    assert await Handle("shop.1", record).result(timeout=timeout) == 1
    assert await Handle("shop.1", record).wait(timeout=timeout) is Phase.SUCCEEDED


async def test_without_a_result_a_timeout_of_zero_says_so_at_once() -> None:
    with pytest.raises(ResultTimeout, match=r"shop\.1 has no result after 0 s"):
        await Handle("shop.1", Record(Phase.RUNNING)).result(timeout=0)


async def test_what_nobody_knows_is_told_at_once_too() -> None:
    record = Record(Phase.RUNNING)
    record.missing = UnknownTask("shop.1")
    with pytest.raises(ResultExpired):
        await Handle("shop.1", record).result(timeout=0)


@pytest.mark.parametrize("timeout", [-1, math.nan, "5"])
async def test_odd_timeouts_are_refused(timeout: Any) -> None:
    handle = Handle[int]("shop.1", Record(Phase.RUNNING))
    for ask, name in ((handle.result, "result"), (handle.wait, "wait")):
        with pytest.raises(ConfigurationError, match=rf"{name}\(timeout=.*\): use 0 or more seconds"):
            await ask(timeout=timeout)


@pytest.mark.parametrize("interval", [0, -1, math.nan])
def test_odd_intervals_are_refused(interval: float) -> None:
    with pytest.raises(ConfigurationError, match=r"stream\(interval=.*\): use more than 0 seconds"):
        Handle("shop.1", Record(Phase.RUNNING)).stream(interval=interval)


async def test_a_stream_raises_what_keeps_the_end_from_being_awaited() -> None:
    record, before = Record(Phase.RUNNING), asyncio.all_tasks()
    record.waiting = raising()
    stream = Handle[int]("shop.1", record).stream(interval=0.01)
    assert (await anext(stream)).phase is Phase.RUNNING
    with pytest.raises(SubmissionError, match="the broker is away"):
        await anext(stream)
    assert record.looks <= 3
    assert not await left_over(before)


async def test_a_stream_whose_broker_goes_away_leaves_nothing_behind() -> None:
    record, before = Record(Phase.RUNNING), asyncio.all_tasks()
    stream = Handle[int]("shop.1", record).stream(interval=0.01)
    await anext(stream)
    record.missing = AWAY
    with pytest.raises(SubmissionError):
        await anext(stream)
    assert not await left_over(before)


async def test_a_closed_stream_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    stream = Handle[int]("shop.1", Record(Phase.RUNNING)).stream()
    await anext(stream)
    await stream.aclose()
    assert not await left_over(before)


async def test_a_task_that_ended_and_was_run_again_is_followed_on() -> None:
    record = Record(Phase.RUNNING, Phase.QUEUED, Phase.QUEUED, Phase.SUCCEEDED)
    record.waiting = lambda: asyncio.sleep(0)
    seen = [status.phase async for status in Handle[int]("shop.1", record).stream(interval=0.01)]
    assert seen == [Phase.RUNNING, Phase.QUEUED, Phase.SUCCEEDED]
    assert record.waits <= 3


@pytest.mark.parametrize("result", [b'{"total":"much"}', b"[]", b"{", b"null"])
async def test_a_result_that_is_not_as_annotated_is_an_error_of_ours(result: bytes) -> None:
    record = Record(Phase.SUCCEEDED, result=result)
    with pytest.raises(ResultUnreadable, match=r"shop\.1 succeeded, but its result isn't what .*app\.handle\(ID\)"):
        await Handle("shop.1", record, Receipt).result()


def test_a_result_that_cannot_be_opened_blames_the_codec() -> None:
    class Key:
        name = "aes"

        def encode(self, data: bytes) -> bytes:
            return data

        def decode(self, data: bytes) -> bytes:
            raise ValueError("not sealed with this key")

    outcome = Outcome(id="shop.1", task="shop.f", phase=Phase.SUCCEEDED, finished_at=1.0, result=b"1", codec="aes")
    with pytest.raises(ResultUnreadable, match="can't be opened by the codec 'aes' here: not sealed with this key"):
        value_of(outcome, int, Key())

from __future__ import annotations

import logging
from itertools import count

import pytest

from penstock import Snooze, TaskContext
from penstock.middlewares import Logging
from tests.lines import lines

CONTEXT = TaskContext(id="shop.1", task="shop.f", attempt=2)


def clock() -> float:
    return next(TICKS)


TICKS = count(0.0, 0.25)


async def fine() -> object:
    return 7


async def broken() -> object:
    raise ValueError("no such user")


async def test_an_attempt_is_a_line_at_its_start_and_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert await Logging(clock=clock).execute(CONTEXT, fine) == 7
    assert lines(caplog) == [
        "shop.f shop.1: attempt 2 starts",
        "shop.f shop.1: attempt 2 succeeded after 0.250 s",
    ]


async def test_a_failure_is_left_to_the_workers_own_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match="no such user"):
        await Logging(logging.DEBUG, clock=clock).execute(CONTEXT, broken)
    assert lines(caplog) == ["shop.f shop.1: attempt 2 starts"]


async def test_a_snooze_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def early() -> object:
        raise Snooze(5, "the shop isn't open yet")

    caplog.set_level(logging.INFO)
    with pytest.raises(Snooze):
        await Logging(clock=clock).execute(CONTEXT, early)
    assert caplog.messages[-1] == "shop.f shop.1: attempt 2 snoozes for 5 s: the shop isn't open yet"
    assert not [record for record in caplog.records if record.levelno > logging.INFO]

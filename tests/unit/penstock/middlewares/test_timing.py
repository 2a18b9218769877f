from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from penstock import TaskContext
from penstock.middlewares import Timing
from tests.lines import lines

CONTEXT = TaskContext(id="shop.1", task="shop.f")


def ticking(step: float) -> Callable[[], float]:
    ticks = count(0.0, step)
    return lambda: next(ticks)


async def fine() -> object:
    return 7


async def broken() -> object:
    raise ValueError


async def test_every_attempt_is_timed_however_it_ends() -> None:
    told: list[tuple[str, float]] = []
    timing = Timing(told=lambda context, seconds: told.append((context.id, seconds)), clock=ticking(0.5))
    assert await timing.execute(CONTEXT, fine) == 7
    with pytest.raises(ValueError):  # noqa: PT011 — it has no message
        await timing.execute(CONTEXT, broken)
    assert told == [("shop.1", 0.5), ("shop.1", 0.5)]


@pytest.mark.parametrize(("seconds", "warned"), [(59.0, False), (61.0, True)])
async def test_slow_ones_are_warned_of(caplog: pytest.LogCaptureFixture, seconds: float, warned: bool) -> None:
    await Timing(clock=ticking(seconds)).execute(CONTEXT, fine)
    assert lines(caplog) == (["shop.f shop.1 took 61.0 s, longer than 60 s"] if warned else [])

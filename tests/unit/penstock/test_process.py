from __future__ import annotations

import asyncio
import os
import signal

import pytest

from penstock.process import run, stop_asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_the_process_to_stop(number: signal.Signals) -> None:
    async def work() -> bool:
        stop = stop_asked()
        before = stop.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
        return before

    assert run(work()) is False


def test_what_the_work_returns_or_raises_is_the_callers() -> None:
    async def work(value: int) -> int:
        return 1 // value

    assert run(work(1)) == 1
    with pytest.raises(ZeroDivisionError):
        run(work(0))

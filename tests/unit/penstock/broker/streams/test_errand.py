from __future__ import annotations

import asyncio

import pytest

from penstock.broker.streams.errand import Errand


class Work:
    def __init__(self) -> None:
        self.runs = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        await self.may_end.wait()
        if self.runs > 1:
            raise ValueError("the second time")
        return self.runs


async def test_it_is_run_once_for_all() -> None:
    work = Work()
    errand = Errand(work)
    cancelled, *others = [asyncio.create_task(errand.run()) for _ in range(3)]
    await asyncio.sleep(0)
    cancelled.cancel()
    work.may_end.set()
    assert await asyncio.gather(*others) == [1, 1]
    assert cancelled.cancelled()
    with pytest.raises(ValueError, match="the second time"):
        await errand.run()


async def test_closing_ends_it() -> None:
    work = Work()
    errand = Errand(work)
    caller = asyncio.create_task(errand.run())
    for _ in range(3):
        await asyncio.sleep(0)
    await errand.close()
    with pytest.raises(ConnectionError, match="it was closed here"):
        await caller

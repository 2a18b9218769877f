from __future__ import annotations

import asyncio

import pytest
from benchmarks.capacity.flood import flood


async def test_each_number_is_called_once_and_so_many_at_a_time() -> None:
    called, under_way, most = list[int](), 0, 0

    async def call(number: int) -> None:
        nonlocal under_way, most
        called.append(number)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    ends = await flood(100, call, places=7)
    assert sorted(called) == list(range(100))
    assert (len(ends), most) == (100, 7)


async def test_the_first_failure_ends_it_and_is_raised_itself() -> None:
    called = list[int]()

    async def call(number: int) -> None:
        called.append(number)
        await asyncio.sleep(0)
        if number == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        await flood(1_000, call, places=2)
    assert len(called) < 10

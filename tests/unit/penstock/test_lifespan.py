from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.lifespan import Lifespan


class Pool:
    """Counts how often it was set up and cleared away."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    @asynccontextmanager
    async def setting(self) -> AsyncIterator[str]:
        self.opened += 1
        yield "pool"
        self.closed += 1


async def test_all_who_are_inside_share_one() -> None:
    pool = Pool()
    lifespan = Lifespan(pool.setting)
    async with lifespan:
        async with lifespan:
            assert (pool.opened, lifespan.state) == (1, "pool")
        assert (pool.closed, lifespan.is_open) == (0, True)
    assert (pool.closed, lifespan.is_open, lifespan.state) == (1, False, None)


async def test_it_can_be_entered_again() -> None:
    pool = Pool()
    lifespan = Lifespan(pool.setting)
    for _ in range(2):
        async with lifespan:
            assert lifespan.state == "pool"
    assert (pool.opened, pool.closed) == (2, 2)


async def test_one_that_cannot_be_set_up_is_not_open() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        await asyncio.open_connection("127.0.0.1", 1)
        yield

    lifespan = Lifespan(broken)
    with pytest.raises(ConnectionRefusedError):
        await lifespan.__aenter__()
    assert not lifespan.is_open


async def test_none_is_fine() -> None:
    async with (lifespan := Lifespan(None)):
        assert lifespan.state is None

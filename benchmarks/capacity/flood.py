"""Many calls, so many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["PLACES", "flood"]

PLACES = 32  # of the client: what it has under way at once


async def flood(count: int, call: Callable[[int], Awaitable[object]], *, places: int = PLACES) -> list[float]:
    """Call with 0 … count - 1; the moments at which each call had returned. The first failure ends it."""
    numbers, ends = iter(range(count)), list[float]()

    async def caller() -> None:
        for number in numbers:
            await call(number)
            ends.append(time.perf_counter())

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(places):
                group.create_task(caller())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return ends

"""What a stage raises when it can't go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["Stuck", "until"]

LOOK_SECONDS = 0.2


class Stuck(Exception):
    """Something didn't come about. The message says what, after how long, and where to look."""


async def until(what: str, holds: Callable[[], Awaitable[bool]], patience: float) -> float:
    """Look until it holds; seconds that it took. Raises Stuck after `patience` seconds."""
    began = time.perf_counter()
    while not await holds():
        if time.perf_counter() - began > patience:
            raise Stuck(f"waited {patience:g} s for {what}")
        await asyncio.sleep(LOOK_SECONDS)
    return time.perf_counter() - began

"""Waiting for a condition, with a description for when it never comes. Tests never just sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 30.0


async def wait_for(condition: Callable[[], Awaitable[object]], what: str, *, patience: float = PATIENCE) -> None:
    """Poll an async condition until it is true."""
    until = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < until, f"waited {patience:g} s for {what}"
        await asyncio.sleep(0.02)


def outlast(seconds: float, what: str) -> None:
    """Let time pass because something goes on meanwhile, an outage say."""
    until = time.monotonic() + seconds
    wait_sync(lambda: time.monotonic() >= until, what, patience=seconds + PATIENCE)


def wait_sync(condition: Callable[[], object], what: str, *, patience: float = PATIENCE) -> None:
    """Poll a condition until it is true."""
    until = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, f"waited {patience:g} s for {what}"
        time.sleep(0.05)

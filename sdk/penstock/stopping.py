"""Ending tasks for sure: a library may swallow a cancellation, or turn it into an error that a loop survives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

__all__ = ["let_go", "stopped", "within"]

log = logging.getLogger("penstock")
AGAIN_SECONDS = 0.5
TRIES = 10


async def stopped(*tasks: asyncio.Task[None] | asyncio.Task[object]) -> None:
    """Cancel tasks and return when they have ended, however. One that survives it is cancelled again; one that
    survives everything is told, and left."""
    waiting = set(tasks)
    for _ in range(TRIES):
        for task in waiting:
            task.cancel()
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
    for task in waiting:
        log.error("%s can't be stopped", task.get_name())
    for task in set(tasks) - waiting:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s ended with %r", task.get_name(), error)


async def let_go(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
    """Cancel tasks and wait for them so long at most, whatever they make of it."""
    for task in (waiting := set(tasks)):
        task.cancel()
    if waiting:
        await asyncio.wait(waiting, timeout=seconds)
    for task in waiting:
        if task.done() and not task.cancelled():
            task.exception()  # looked at: asyncio would tell of it once it is collected


async def within(seconds: float, work: Coroutine[Any, Any, object], what: str) -> None:
    """Await `work` for so long at most, and go on: at the end of a process nothing may hold up what comes after it. An
    error and a lack of time are told."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()  # no effect on one that is done
    if not task.done():
        log.warning("%s didn't end within %g s: left behind", what, seconds)
    elif not task.cancelled() and (error := task.exception()) is not None:
        log.warning("%s ended with %r", what, error)

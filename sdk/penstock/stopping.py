"""Ending tasks for sure: a library may swallow a cancellation, or turn it into an error that a loop survives."""

from __future__ import annotations

import asyncio
import logging

__all__ = ["stopped"]

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

"""Queues and dead letters by the command line, straight on the broker of PENSTOCK_URL."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from penstock.broker import connect
from penstock.broker.messages import DeadLetter
from penstock.errors import ConfigurationError
from penstock.keys import checked_queue
from penstock.namespace import current_namespace
from penstock.queue import Queue

__all__ = ["described", "letters", "opened"]


@asynccontextmanager
async def opened(name: str, namespace: str) -> AsyncGenerator[Queue, None]:
    """The queue, for as long as the block lasts."""
    url = os.environ.get("PENSTOCK_URL")
    if not url:
        raise ConfigurationError("no broker: set PENSTOCK_URL (redis://…)")
    broker = connect(url, namespace or current_namespace())
    try:
        yield Queue(checked_queue(name), lambda: broker)
    finally:
        await broker.close()


async def described(name: str, namespace: str) -> str:
    """What a queue holds, as JSON. Seconds."""
    async with opened(name, namespace) as queue:
        return json.dumps(msgspec.to_builtins(await queue.depth()), indent=2, default=sorted)


async def letters(name: str, namespace: str, limit: int) -> list[str]:
    """Dead letters, a line each: id, task, reason."""
    async with opened(name, namespace) as queue:
        return [_line(letter) for letter in await queue.dead_letters(limit)]


def _line(letter: DeadLetter) -> str:
    outcome = letter.outcome
    if outcome is None or outcome.failure is None:
        return f"{letter.id}\t\t(its reason has expired)"
    return f"{letter.id}\t{outcome.task}\t{outcome.failure.type}: {outcome.failure.message}"

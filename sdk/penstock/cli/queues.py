"""Queues and dead letters by the command line, straight on the broker of PENSTOCK_URL."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from penstock.broker import connect
from penstock.broker.messages import DeadLetter, Depth, QueueConfig
from penstock.errors import ConfigurationError
from penstock.keys import checked_queue
from penstock.namespace import current_namespace
from penstock.queue import Queue
from penstock.shown import one_line

__all__ = ["count_dead", "described", "letters", "paused", "resumed", "these"]


@asynccontextmanager
async def _opened(name: str, namespace: str) -> AsyncGenerator[Queue, None]:
    """The queue, for as long as the block lasts."""
    url = os.environ.get("PENSTOCK_URL")
    if not url:
        raise ConfigurationError("no broker: set PENSTOCK_URL (redis://…)")
    broker = connect(url, namespace or current_namespace())
    try:
        yield Queue(checked_queue(name), lambda: broker)
    finally:
        await broker.close()


async def described(name: str, namespace: str) -> AsyncGenerator[str, None]:
    """What a queue holds, as JSON. Seconds. Then raises ConfigurationError where nothing is known of it."""
    async with _opened(name, namespace) as queue:
        yield json.dumps(msgspec.to_builtins(await queue.depth()), indent=2, default=sorted)
        await _must_be_known(queue, namespace)


async def paused(name: str, namespace: str) -> bool:
    """Pause a queue. Whether anything was known of it before."""
    async with _opened(name, namespace) as queue:
        known = await _known(queue)
        await queue.pause()
        return known


async def resumed(name: str, namespace: str) -> None:
    """Let a queue go on. Raises ConfigurationError where nothing is known of it."""
    async with _opened(name, namespace) as queue:
        await _must_be_known(queue, namespace)
        await queue.resume()


async def count_dead(name: str, namespace: str) -> int:
    """How many dead letters it has."""
    async with _opened(name, namespace) as queue:
        return (await queue.depth()).dead


async def these(
    name: str, namespace: str, act: Callable[[Queue, Sequence[str] | None], Awaitable[int]], ids: Sequence[str] | None
) -> tuple[int, list[str]]:
    """Do something with these dead letters, or with all: how many there were, and which weren't there. Raises
    ConfigurationError where nothing is known of the queue."""
    async with _opened(name, namespace) as queue:
        done = {id: await act(queue, [id]) for id in ids} if ids else {"": await act(queue, None)}
        count = sum(done.values())
        if not count:
            await _must_be_known(queue, namespace)
        return count, [id for id, found in done.items() if id and not found]


async def _must_be_known(queue: Queue, namespace: str) -> None:
    if not await _known(queue):
        raise ConfigurationError(
            f"nothing is known of queue {queue.name!r} in namespace {namespace or current_namespace()!r}: it never had "
            "a task, a worker or a TaskQueue. Check its name; -n chooses another namespace"
        )


async def _known(queue: Queue) -> bool:
    """Whether it ever had a task, has a worker, is paused or has settings."""
    return await queue.depth() != Depth() or await queue.config() != QueueConfig()


async def letters(name: str, namespace: str, limit: int) -> list[str]:
    """Dead letters, a line each: id, task, reason."""
    async with _opened(name, namespace) as queue:
        found = await queue.dead_letters(limit)
        if not found:
            await _must_be_known(queue, namespace)
        return [_line(letter) for letter in found]


def _line(letter: DeadLetter) -> str:
    outcome = letter.outcome
    if outcome is None or outcome.failure is None:
        return f"{one_line(letter.id)}\t\t(its reason has expired)"
    why = f"{outcome.failure.type}: {outcome.failure.message}"
    return "\t".join(map(one_line, (letter.id, outcome.task, why)))

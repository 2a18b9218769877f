"""Tasks of asyncio's that a task of ours starts. One that raises SystemExit or KeyboardInterrupt would end the whole
event loop: asyncio lets both out of it. A GeneratorExit would close the coroutines of whoever waits for it. Here they
become an exception that can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from penstock.family import running
from penstock.worker.ending import closed

__all__ = ["contain", "contained", "release"]


def contain(loop: asyncio.AbstractEventLoop) -> None:
    """Have it so on this loop, unless it makes its tasks in a way of its own."""
    if loop.get_task_factory() is None:
        loop.set_task_factory(contained)


def release(loop: asyncio.AbstractEventLoop) -> None:
    """Undo that."""
    if loop.get_task_factory() is contained:
        loop.set_task_factory(None)


def contained(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    """A task factory. Code that belongs to no task of ours is left as it is."""
    if running.get() is not None and asyncio.iscoroutine(coro):
        coro = _kept_in(coro)
    return asyncio.Task(coro, loop=loop, **options)


async def _kept_in(work: Coroutine[Any, Any, object]) -> object:
    task = asyncio.current_task()
    try:
        return await work
    except GeneratorExit as error:
        if closed(task):
            raise
        raise RuntimeError("an asyncio task of the task raised GeneratorExit") from error
    except SystemExit as error:
        raise RuntimeError(f"an asyncio task of the task called sys.exit({error.code!r})") from error
    except KeyboardInterrupt as error:
        raise RuntimeError("an asyncio task of the task raised KeyboardInterrupt") from error

"""Tasks of asyncio's that a task of ours starts. One that raises SystemExit or KeyboardInterrupt would end the whole
event loop: asyncio lets both out of it. A GeneratorExit would close the coroutines of whoever waits for it. Here they
become an exception that can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from penstock.family import running

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
        coro = _Contained(coro)
    return asyncio.Task(coro, loop=loop, **options)


class _Contained(Coroutine[Any, Any, object]):
    """A coroutine that is another one, but for these exceptions."""

    def __init__(self, work: Coroutine[Any, Any, object]) -> None:
        self._work = work

    def send(self, value: Any, /) -> Any:
        return self._step(self._work.send, value)

    def throw(self, *raised: Any) -> Any:
        return self._step(self._work.throw, *raised)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, object]:
        return self._work.__await__()

    def _step(self, step: Callable[..., Any], *given: Any) -> Any:
        try:
            return step(*given)
        except SystemExit as error:
            raise RuntimeError(f"an asyncio task of the task called sys.exit({error.code!r})") from error
        except (KeyboardInterrupt, GeneratorExit) as error:
            raise RuntimeError(f"an asyncio task of the task raised {type(error).__name__}") from error

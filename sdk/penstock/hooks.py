"""Functions that are told what becomes of an app's tasks. They only watch: their own exceptions are logged."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.context import TaskContext
from penstock.outcome import Failure

__all__ = ["Hooks"]

log = logging.getLogger("penstock.worker")
PATIENCE_SECONDS = 30.0  # for one hook: the attempt waits for it
Before = Callable[[TaskContext], Awaitable[None] | None]
After = Callable[[TaskContext, Any], Awaitable[None] | None]
OnError = Callable[[TaskContext, Failure], Awaitable[None] | None]
OnRetry = Callable[[TaskContext, Failure, float], Awaitable[None] | None]


@dataclass(slots=True)
class Hooks:
    """`before` an attempt; `after` one that returned (with the result); `error` after one that failed for whatever
    reason; `retry` besides, where it will be tried again in so many seconds. Plain functions run on the event loop."""

    before: list[Before] = field(default_factory=list)
    after: list[After] = field(default_factory=list)
    error: list[OnError] = field(default_factory=list)
    retry: list[OnRetry] = field(default_factory=list)

    @property
    def nobody(self) -> bool:
        """Whether there is nobody to be told anything."""
        return not (self.before or self.after or self.error or self.retry)

    async def told(
        self, hooks: Sequence[Callable[..., Awaitable[None] | None]], context: Callable[[], TaskContext], *news: Any
    ) -> None:
        """Tell all of one kind, one after another. Each has 30 s. Whatever it raises, it is no end of the attempt."""
        for hook in hooks:
            try:
                answer = hook(context(), *news)
                if inspect.isawaitable(answer):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await answer
            except BaseException as error:
                if _from_outside(error):
                    raise
                log.exception("a hook failed: %r", hook)


def _from_outside(error: BaseException) -> bool:
    """Whether it is no exception of the hook's: who waits for it is cancelled, or closed."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if isinstance(error, GeneratorExit):
        return task is None
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0

"""Hooks: functions that are called around each attempt. They can't change it; what they raise is logged."""

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
"""Called before each attempt with its context."""
After = Callable[[TaskContext, Any], Awaitable[None] | None]
"""Called after an attempt that returned, with its context and the result as plain data, as it is stored in JSON."""
OnError = Callable[[TaskContext, Failure], Awaitable[None] | None]
"""Called after an attempt that failed, with its context and the failure (an exception or a timeout).

A cancellation isn't a failure."""
OnRetry = Callable[[TaskContext, Failure, float], Awaitable[None] | None]
"""Called after `on_error` when another attempt follows, with its context, the failure and the seconds until then."""


@dataclass(slots=True)
class Hooks:
    """The functions of one app, each kind in the order of its registration. Plain functions run on the event loop."""

    before: list[Before] = field(default_factory=list)
    after: list[After] = field(default_factory=list)
    error: list[OnError] = field(default_factory=list)
    retry: list[OnRetry] = field(default_factory=list)

    @property
    def nobody(self) -> bool:
        """Whether there are no hooks."""
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

"""Hooks: functions that are called around each attempt. They can't change it; what they raise is logged."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from penstock.context import TaskContext
from penstock.outcome import Failure

__all__ = ["Hooks"]

log = logging.getLogger("penstock.worker")
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

    async def told(self, hooks: list[Callable[..., Awaitable[None] | None]], *news: Any) -> None:
        """Call all hooks of one kind, one after another."""
        for hook in hooks:
            try:
                answer = hook(*news)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:
                log.exception("a hook failed: %r", hook)

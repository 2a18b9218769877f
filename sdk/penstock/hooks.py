"""Functions that are told what becomes of an app's tasks. They only watch: their own exceptions are logged."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.context import TaskContext
from penstock.outcome import Failure

__all__ = ["Hooks"]

log = logging.getLogger("penstock.worker")
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

    async def told(self, hooks: Sequence[Callable[..., Awaitable[None] | None]], *news: Any) -> None:
        """Tell all of one kind, one after another."""
        for hook in hooks:
            try:
                answer = hook(*news)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:
                log.exception("a hook failed: %r", hook)

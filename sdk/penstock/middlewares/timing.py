"""How long attempts take."""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock.context import TaskContext
from penstock.middleware import Execute, Middleware

__all__ = ["Timing"]

Told = Callable[[TaskContext, float], None]


class Timing(Middleware):
    """Tells `told` of every attempt's seconds, however it ended; without it, warns of those that took longer than
    `slow`."""

    def __init__(
        self, *, slow: float = 60.0, told: Told | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._slow = slow
        self._told = told or self._warn
        self._clock = clock

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        began = self._clock()
        try:
            return await execute()
        finally:
            self._told(context, self._clock() - began)

    def _warn(self, context: TaskContext, seconds: float) -> None:
        if seconds > self._slow:
            context.log.warning("%s %s took %.1f s, longer than %g s", context.task, context.id, seconds, self._slow)

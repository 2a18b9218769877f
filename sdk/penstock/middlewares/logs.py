"""A line when a task starts and one when it succeeds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from penstock.context import TaskContext
from penstock.middleware import Execute, Middleware
from penstock.retry import Snooze, wished

__all__ = ["Logging"]


class Logging(Middleware):
    """Tells in the context's log when an attempt starts and when it succeeds or snoozes. Of failures the worker itself
    logs a line each, with the traceback."""

    def __init__(self, level: int = logging.INFO, clock: Callable[[], float] = time.perf_counter) -> None:
        self._level = level
        self._clock = clock

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        began = self._clock()
        context.log.log(self._level, "%s %s: attempt %d starts", context.task, context.id, context.attempt)
        try:
            result = await execute()
        except Snooze as snooze:
            with suppress(ValueError):  # no delay: that is a failure
                seconds = wished(snooze)
                context.log.log(self._level, "%s snoozes for %g s: %s", _named(context), seconds, snooze)
            raise
        context.log.log(self._level, "%s succeeded after %.3f s", _named(context), self._clock() - began)
        return result


def _named(context: TaskContext) -> str:
    return f"{context.task} {context.id}: attempt {context.attempt}"

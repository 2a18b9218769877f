"""A line when a task starts and one when it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from penstock.context import TaskContext
from penstock.middleware import Execute, Middleware
from penstock.retry import Snooze

__all__ = ["Logging"]


class Logging(Middleware):
    """Tells of every attempt in the context's log, failures as warnings with their message."""

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
            context.log.log(self._level, "%s snoozes for %g s: %s", _named(context), snooze.delay, snooze)
            raise
        except BaseException as error:
            context.log.warning("%s after %.3f s: %s", _named(context), self._clock() - began, _told(error))
            raise
        context.log.log(self._level, "%s succeeded after %.3f s", _named(context), self._clock() - began)
        return result


def _named(context: TaskContext) -> str:
    return f"{context.task} {context.id}: attempt {context.attempt}"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

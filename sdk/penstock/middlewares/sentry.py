"""Errors of tasks in Sentry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import trace

from penstock.context import TaskContext
from penstock.distribution import install
from penstock.errors import ConfigurationError
from penstock.middleware import Execute, Middleware
from penstock.retry import Retry, Snooze

__all__ = ["Sentry"]


class Sentry(Middleware):
    """Reports what a task raises, with its id, attempt and trace; `Retry` and `Snooze` only with `retries`.
    Needs sentry-sdk and an app that has called `sentry_sdk.init`."""

    def __init__(self, *, retries: bool = False) -> None:
        try:
            import sentry_sdk
        except ImportError as error:
            raise ConfigurationError(f"Sentry needs sentry-sdk: {install('sentry')}") from error
        self._isolated: Callable[[], Any] = sentry_sdk.isolation_scope
        self._capture: Callable[[BaseException], Any] = sentry_sdk.capture_exception
        self._retries = retries

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        with self._isolated() as scope:
            scope.set_transaction_name(context.task)
            scope.set_tag("penstock.task", context.task)
            scope.set_tag("penstock.attempt", context.attempt)
            scope.set_context("penstock", _about(context))
            try:
                return await execute()
            except Exception as error:
                if self._retries or not isinstance(error, Retry | Snooze):
                    self._capture(error)
                raise


def _about(context: TaskContext) -> dict[str, object]:
    span = trace.get_current_span().get_span_context()
    about: dict[str, object] = {"id": context.id, "task": context.task, "attempt": context.attempt}
    return about | {"trace_id": f"{span.trace_id:032x}"} if span.is_valid else about

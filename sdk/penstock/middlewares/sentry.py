"""Failures of tasks as events in Sentry, attempts as its transactions."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from opentelemetry import trace

from penstock.context import TaskContext
from penstock.distribution import install
from penstock.errors import ConfigurationError
from penstock.keys import queue_of
from penstock.middleware import Execute, Middleware
from penstock.outcome import Failure
from penstock.retry import Retry, Snooze

if TYPE_CHECKING:
    from sentry_sdk import Scope
    from sentry_sdk.tracing import Span

__all__ = ["Sentry"]

OPERATION = "queue.task.penstock"
ORIGIN = "auto.queue.penstock"
MECHANISM = {"type": "penstock", "handled": False}
_FRAME = re.compile(
    r'^  File "(?P<path>.+)", line (?P<line>\d+), in (?P<function>.+)\n(?:    (?P<code>.+))?', re.MULTILINE
)


class Sentry(Middleware):
    """Reports what makes a task fail for good: its exception, from a process of its own too, a timeout, a crash of its
    worker; attempts that are tried again only with `retries`. With tracing on, each attempt is a transaction. Tags say
    task, id, attempt and queue; arguments aren't sent. `continue_traces`: transactions belong to OpenTelemetry's trace
    of the task, where there is one, and are sampled as it is.

    Needs sentry-sdk and an app that has called `sentry_sdk.init`.
    """

    def __init__(self, *, retries: bool = False, continue_traces: bool = False) -> None:
        try:
            from sentry_sdk.integrations.logging import ignore_logger
        except ImportError as error:
            raise ConfigurationError(f"Sentry needs sentry-sdk: {install('sentry')}") from error
        ignore_logger("penstock.worker")  # its lines about failures would be events besides
        self._retries = retries
        self._continue_traces = continue_traces
        self._seen: WeakKeyDictionary[asyncio.Task[Any], _Seen] = WeakKeyDictionary()

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        import sentry_sdk

        with sentry_sdk.isolation_scope() as scope:
            scope.clear_breadcrumbs()
            _describe(scope, context)
            with self._transaction(context) as span:
                try:
                    result = await execute()
                except BaseException as error:
                    raised = error
                else:
                    span.set_status("ok")
                    return result
                span.set_status(_status(raised))
                if (task := asyncio.current_task()) is not None:
                    self._seen[task] = _Seen(raised, scope, dict(span.get_trace_context()))
            raise raised  # outside of the transaction, which would take Retry for an error

    def _transaction(self, context: TaskContext) -> Span:
        import sentry_sdk

        found = {"task": context.task, "id": context.id, "attempt": context.attempt}
        transaction = sentry_sdk.continue_trace(
            _headers() if self._continue_traces else {}, op=OPERATION, name=context.task, source="task", origin=ORIGIN
        )
        return sentry_sdk.start_transaction(transaction, custom_sampling_context={"penstock": found})

    async def failed(self, context: TaskContext, failure: Failure, final: bool) -> None:
        """See Middleware."""
        import sentry_sdk

        task = asyncio.current_task()
        seen = self._seen.pop(task, None) if task is not None else None
        if not (final or self._retries):
            return
        with (
            sentry_sdk.isolation_scope() if seen is None else sentry_sdk.scope.use_isolation_scope(seen.scope) as scope
        ):
            _describe(scope, context)
            event, hint = _event(context, failure, seen)
            sentry_sdk.capture_event(event, hint=hint)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an attempt raised, and Sentry's view of it then."""

    error: BaseException
    scope: Scope
    trace: dict[str, Any]


def _describe(scope: Scope, context: TaskContext) -> None:
    scope.set_transaction_name(context.task, source="task")
    scope.set_context("penstock", _about(context))
    tags = {"task": context.task, "id": context.id, "attempt": context.attempt, "queue": queue_of(context.id)}
    for name, value in tags.items():
        scope.set_tag(f"penstock.{name}", str(value))


def _about(context: TaskContext) -> dict[str, object]:
    span = trace.get_current_span().get_span_context()
    about: dict[str, object] = {"id": context.id, "task": context.task, "attempt": context.attempt}
    return about | {"trace_id": f"{span.trace_id:032x}"} if span.is_valid else about


def _headers() -> dict[str, str]:
    """OpenTelemetry's current span, as Sentry's own header says it."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"sentry-trace": f"{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags.sampled)}"}


def _status(error: BaseException) -> str:
    if isinstance(error, Retry | Snooze):
        return "aborted"
    return "internal_error" if isinstance(error, Exception) else "cancelled"


def _event(context: TaskContext, failure: Failure, seen: _Seen | None) -> tuple[Any, dict[str, Any]]:
    """The event, and Sentry's hint with the exception if there is one in this process."""
    from sentry_sdk import get_client
    from sentry_sdk.utils import event_from_exception

    told = failure.type, failure.message
    if seen is not None:
        options = get_client().options
        event, hint = event_from_exception(seen.error, client_options=options, mechanism=dict(MECHANISM))
        event["contexts"] = {"trace": seen.trace}
        if type(seen.error).__qualname__ == failure.type:
            return event, hint
        frames = event["exception"]["values"][-1].get("stacktrace", {}).get("frames", [])
    else:
        event, frames = {"contexts": {}}, []
    # What it raised in this process isn't why it failed: it was stopped, or has failed in another process.
    value = {"type": told[0], "value": told[1], "mechanism": dict(MECHANISM)}
    if frames := _frames(failure.traceback) or frames:
        value["stacktrace"] = {"frames": frames}
    fingerprint = {} if frames else {"fingerprint": ["penstock", failure.type, context.task]}
    return event | {"level": "error", "exception": {"values": [value]}} | fingerprint, {}


def _frames(traceback: str) -> list[dict[str, Any]]:
    """The last exception's of a traceback as Python prints it."""
    last = traceback.rpartition("Traceback (most recent call last):\n")[2]
    return [
        {
            "abs_path": frame["path"],
            "filename": frame["path"],
            "function": frame["function"],
            "lineno": int(frame["line"]),
            "context_line": frame["code"] or "",
            "in_app": "site-packages" not in frame["path"],
        }
        for frame in _FRAME.finditer(last)
    ]

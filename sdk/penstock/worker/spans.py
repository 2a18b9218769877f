"""The spans of an attempt: the wait before it, and itself."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span

from penstock import telemetry
from penstock.broker.messages import Begun
from penstock.envelope import Envelope
from penstock.telemetry import Step

__all__ = ["attempt_span"]


@contextmanager
def attempt_span(envelope: Envelope, begun: Begun, parent: str) -> Generator[Span, None, None]:
    """The span of one attempt, current while the function runs, and before it that of the wait."""
    names = telemetry.attributes(
        Step.ATTEMPT, id=envelope.id, task=envelope.task, queue=envelope.queue, attempt=begun.attempts
    )
    waiting = {**names, "messaging.operation.name": Step.WAIT}
    telemetry.record(Step.WAIT, waiting, parent=parent, began=begun.queued_at, ended=begun.started_at)
    span = telemetry.start(Step.ATTEMPT, names, parent=parent)
    with trace.use_span(span, end_on_exit=True, record_exception=False):
        yield span

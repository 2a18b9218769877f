"""The OpenTelemetry SDK behind the operator and the worker: exporter, batching, ids. Set by OTEL_* alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace

from penstock.telemetry import Step, record

__all__ = ["Backlog", "configure", "congested", "given_ids", "record_derived"]

CONGESTED_SPANS = 16_384  # beyond this a worker starts nothing new until some have been exported
given_ids: ContextVar[tuple[int, int] | None] = ContextVar("penstock_span_ids", default=None)


@dataclass(slots=True)
class Backlog:
    """How many spans have ended, and how many of them have left the exporter's queue."""

    ended: int = 0
    exported: int = 0


_backlog = Backlog()


def configure(service: str) -> Callable[[], None]:
    """Export by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT says so; returns what flushes and ends it.

    Without an endpoint, or with OTEL_SDK_DISABLED, nothing is even imported.
    """
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, endpoints)):
        return lambda: None
    from penstock.export import provider

    made = provider(os.environ.get("OTEL_SERVICE_NAME", service), _backlog)
    trace.set_tracer_provider(made)
    return made.shutdown


def congested() -> bool:
    """Whether spans come faster than they can be exported: rather than drop some, make fewer."""
    return _backlog.ended - _backlog.exported > CONGESTED_SPANS


def record_derived(
    step: Step, attributes: Mapping[str, str | int], identity: str, *, parent: str | None, began: float, ended: float
) -> str | None:
    """Record a span under the ids of `identity` (see `telemetry.derived`), so that recording it twice is harmless."""
    with _ids(identity):
        return record(step, attributes, parent=parent, began=began, ended=ended)


@contextmanager
def _ids(identity: str) -> Generator[None, None, None]:
    _, trace_hex, span_hex, _ = identity.split("-")
    token = given_ids.set((int(trace_hex, 16), int(span_hex, 16)))
    try:
        yield
    finally:
        given_ids.reset(token)

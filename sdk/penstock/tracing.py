"""The OpenTelemetry SDK behind the operator and the worker: exporters, batching, ids. Set by OTEL_* alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import metrics, trace

from penstock.telemetry import Step, record

__all__ = ["Backlog", "configure", "congested", "given_ids", "record_derived", "scraped"]

CONGESTED_SPANS = 16_384  # beyond this a worker starts nothing new until some have been exported
given_ids: ContextVar[tuple[int, int] | None] = ContextVar("penstock_span_ids", default=None)


@dataclass(slots=True)
class Backlog:
    """How many spans have ended, and how many of them have left the exporter's queue."""

    ended: int = 0
    exported: int = 0


_backlog = Backlog()


def configure(service: str) -> Callable[[], None]:
    """Export by OTLP what the variables ask for; returns what flushes and ends it.

    Spans where OTEL_EXPORTER_OTLP_ENDPOINT (or _TRACES_ENDPOINT) says so, metrics where OTEL_METRICS_EXPORTER (otlp,
    prometheus or both) or OTEL_EXPORTER_OTLP_METRICS_ENDPOINT does. Otherwise, or with OTEL_SDK_DISABLED, nothing is
    even imported.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return lambda: None
    name = os.environ.get("OTEL_SERVICE_NAME", service)
    ends = [export(name) for wanted, export in ((_traces(), _export_traces), (_metrics(), _export_metrics)) if wanted]

    def shut_down() -> None:
        for end in ends:
            end()

    return shut_down


def _traces() -> bool:
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(map(os.environ.get, endpoints)) and os.environ.get("OTEL_TRACES_EXPORTER") != "none"


def _metrics() -> set[str]:
    """The exporters that are asked for."""
    wanted = os.environ.get("OTEL_METRICS_EXPORTER", "")
    if not wanted:
        return {"otlp"} if os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") else set()
    return {name.strip() for name in wanted.split(",")} & {"otlp", "prometheus"}


def scraped() -> tuple[bytes, str] | None:
    """All metrics as Prometheus reads them and their content type; None where they aren't asked for."""
    if "prometheus" not in _metrics() or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    from penstock.metering import page

    return page()


def _export_traces(service: str) -> Callable[[], None]:
    from penstock.export import tracer_provider

    made = tracer_provider(service, _backlog)
    trace.set_tracer_provider(made)
    return made.shutdown


def _export_metrics(service: str) -> Callable[[], None]:
    from penstock.metering import meter_provider

    made = meter_provider(service, _metrics())
    metrics.set_meter_provider(made)
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

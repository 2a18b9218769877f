"""The OpenTelemetry SDK behind the operator and the worker: exporter, batching, ids. Set by OTEL_* alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace

from penstock.telemetry import Step, record

__all__ = ["configure", "congested", "record_derived"]

EXPORT_MS = 500  # how long a finished span may wait; short, for a killed worker loses those that wait
QUEUE_SPANS = 65_536  # what more than so many finished spans wait would be dropped …
CONGESTED_SPANS = 16_384  # … so beyond this a worker starts nothing new until some have been exported
BATCH_SPANS = 2_048
_given: ContextVar[tuple[int, int] | None] = ContextVar("penstock_span_ids", default=None)


def configure(service: str) -> Callable[[], None]:
    """Export by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT says so; returns what flushes and ends it.

    Without an endpoint, or with OTEL_SDK_DISABLED, nothing is even imported.
    """
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, endpoints)):
        return lambda: None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class GivenIds(RandomIdGenerator):
        """Random ids, but where `record_derived` gives them."""

        def generate_trace_id(self) -> int:
            ids = _given.get()
            return ids[0] if ids else super().generate_trace_id()

        def generate_span_id(self) -> int:
            ids = _given.get()
            return ids[1] if ids else super().generate_span_id()

    class CountedExporter(OTLPSpanExporter):
        """Counts what has left the queue, whether it arrived or not."""

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            try:
                return super().export(spans)
            finally:
                _counts.exported += len(spans)

    class CountedProcessor(BatchSpanProcessor):
        """Counts what has come into the queue."""

        def on_end(self, span: ReadableSpan) -> None:
            if span.context is not None and span.context.trace_flags.sampled:
                _counts.ended += 1
            super().on_end(span)

    name = os.environ.get("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(resource=Resource.create({"service.name": name}), id_generator=GivenIds())
    provider.add_span_processor(
        CountedProcessor(
            CountedExporter(),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=EXPORT_MS,
            max_export_batch_size=BATCH_SPANS,
        )
    )
    trace.set_tracer_provider(provider)
    return provider.shutdown


@dataclass(slots=True)
class _Counts:
    ended: int = 0
    exported: int = 0


_counts = _Counts()


def congested() -> bool:
    """Whether spans come faster than they can be exported: rather than drop some, make fewer."""
    return _counts.ended - _counts.exported > CONGESTED_SPANS


def record_derived(
    step: Step, attributes: Mapping[str, str | int], identity: str, *, parent: str | None, began: float, ended: float
) -> str | None:
    """Record a span under the ids of `identity` (see `telemetry.derived`), so that recording it twice is harmless."""
    with _ids(identity):
        return record(step, attributes, parent=parent, began=began, ended=ended)


@contextmanager
def _ids(identity: str) -> Generator[None, None, None]:
    _, trace_hex, span_hex, _ = identity.split("-")
    token = _given.set((int(trace_hex, 16), int(span_hex, 16)))
    try:
        yield
    finally:
        _given.reset(token)

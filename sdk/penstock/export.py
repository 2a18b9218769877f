"""The OpenTelemetry SDK's part of tracing: what makes ids and exports spans. Imported only where tracing is on."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from penstock.tracing import Backlog, given_ids

__all__ = ["tracer_provider"]

EXPORT_MS = 500  # how long a finished span may wait; short, for a killed worker loses those that wait
QUEUE_SPANS = 65_536  # what more than so many finished spans wait would be dropped; see `tracing.congested`
BATCH_SPANS = 2_048


class GivenIds(RandomIdGenerator):
    """Random ids, but where `record_derived` gives them."""

    def generate_trace_id(self) -> int:
        """The trace that was given, or a new one."""
        ids = given_ids.get()
        return ids[0] if ids else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """The span that was given, or a new one."""
        ids = given_ids.get()
        return ids[1] if ids else super().generate_span_id()


class CountedExporter(OTLPSpanExporter):
    """Counts what has left the queue, whether it arrived or not."""

    def __init__(self, backlog: Backlog) -> None:
        super().__init__()
        self._backlog = backlog

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See OTLPSpanExporter."""
        try:
            return super().export(spans)
        finally:
            self._backlog.exported += len(spans)


class CountedProcessor(BatchSpanProcessor):
    """Counts what has come into the queue."""

    def __init__(self, backlog: Backlog) -> None:
        super().__init__(
            CountedExporter(backlog),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=EXPORT_MS,
            max_export_batch_size=BATCH_SPANS,
        )
        self._backlog = backlog

    def on_end(self, span: ReadableSpan) -> None:
        """See BatchSpanProcessor."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._backlog.ended += 1
        super().on_end(span)


class Steady(Resource):
    """One whose hash is computed once: the exporter asks for it with every span, and it takes as long as a third of
    the span's encoding."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.attributes, resource.schema_url)
        self._hash = hash(resource)

    def __hash__(self) -> int:
        """As of any other."""
        return self._hash


def tracer_provider(service: str, backlog: Backlog) -> TracerProvider:
    """What makes this process's spans."""
    resource = Steady(Resource.create({"service.name": service}))
    made = TracerProvider(resource=resource, id_generator=GivenIds())
    made.add_span_processor(CountedProcessor(backlog))
    return made

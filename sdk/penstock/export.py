"""The OpenTelemetry SDK's part of tracing: what makes ids and exports spans. Imported only where tracing is on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, set_span_in_context

from penstock.quiet_span import Birth, Origin, QuietSpan
from penstock.telemetry import SCOPE
from penstock.tracing import Backlog, given_ids

__all__ = ["tracer_provider"]

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
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


class SteadyScope(InstrumentationScope):
    """The same for the scope: the exporter looks for it with every span, too. It is our tracer's, whoever made that."""

    __slots__ = ("_hash",)

    def __init__(self, name: str) -> None:
        super().__init__(name, "", "")
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        """As of any other."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """By name; Python asks the subclass first."""
        return self is other or (isinstance(other, InstrumentationScope) and other.name == self.name)


class Provider(TracerProvider):
    """Makes quiet spans besides: see `quiet_span`."""

    def __init__(self, resource: Resource, processor: SpanProcessor) -> None:
        super().__init__(resource=resource, id_generator=GivenIds())
        super().add_span_processor(processor)
        self._alone = True
        self._tracer = self.get_tracer(SCOPE)
        self._origin = Origin(resource, SteadyScope(SCOPE), self._whole, processor.on_end)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """See TracerProvider. Another processor may want to see spans begin: there are no quiet ones from now on."""
        self._alone = False
        super().add_span_processor(span_processor)

    def begin(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str | int], parent: SpanContext, at: int | None
    ) -> Span:
        """A span under a sampled `parent`; `at` in ns, None for now."""
        context = SpanContext(parent.trace_id, self.id_generator.generate_span_id(), False, SAMPLED)
        birth = Birth(name, kind, attributes, parent, at or time.time_ns())
        return QuietSpan(birth, context, self._origin) if self._alone else self._whole(birth, context)

    def _whole(self, birth: Birth, context: SpanContext) -> Span:
        name, kind, attributes, parent, at = birth
        under = set_span_in_context(NonRecordingSpan(parent))
        token = given_ids.set((context.trace_id, context.span_id))
        try:
            return self._tracer.start_span(name, under, kind, attributes, start_time=at)
        finally:
            given_ids.reset(token)


def tracer_provider(service: str, backlog: Backlog) -> TracerProvider:
    """What makes this process's spans."""
    resource = Steady(Resource.create({"service.name": service}))
    return Provider(resource, CountedProcessor(backlog))

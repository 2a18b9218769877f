from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace import TracerProvider as Provider

from penstock import telemetry, tracing
from penstock.telemetry import Step

NAMES = telemetry.attributes(Step.ADMIT, id="shop.1", task="shop.send", queue="shop")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Spans:
    """What was exported, once it is flushed."""

    def __init__(self, exporter: InMemorySpanExporter, provider: TracerProvider) -> None:
        self._exporter = exporter
        self._provider = provider

    def all(self) -> list[ReadableSpan]:
        self._provider.force_flush()
        return list(self._exporter.get_finished_spans())

    def the(self) -> ReadableSpan:
        [span] = self.all()
        return span


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """The real set-up of the SDK, but the spans stay here and the process's provider is put back."""
    exporter = InMemorySpanExporter()
    providers: list[TracerProvider] = []

    def here(_: OTLPSpanExporter, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return exporter.export(spans)

    def keep(provider: Provider) -> None:
        assert isinstance(provider, TracerProvider)
        providers.append(provider)

    monkeypatch.setattr(OTLPSpanExporter, "export", here)
    monkeypatch.setattr(trace, "set_tracer_provider", keep)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: providers[0])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:1")
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    flush = tracing.configure("penstock-test")
    yield Spans(exporter, providers[0])
    flush()


def told(span: ReadableSpan) -> str | None:
    context = span.get_span_context()
    assert context is not None
    return telemetry.traceparent(trace.NonRecordingSpan(context))


def ids(traceparent: str | None) -> tuple[str, str]:
    assert traceparent is not None
    _, trace_hex, span_hex, _ = traceparent.split("-")
    return trace_hex, span_hex


def test_a_derived_span_has_the_derived_ids(spans: Spans) -> None:
    identity = telemetry.derived("uid-1")
    recorded = tracing.record_derived(Step.SUBMIT, NAMES, identity, parent=None, began=1.0, ended=2.5)
    span = spans.the()
    assert recorded == told(span)
    assert ids(recorded) == ids(identity)
    assert span.parent is None
    assert (span.start_time, span.end_time) == (1_000_000_000, 2_500_000_000)


def test_a_derived_span_lies_in_its_parents_trace(spans: Spans) -> None:
    identity = telemetry.derived("uid-1", "admit-1")
    recorded = tracing.record_derived(Step.ADMIT, NAMES, identity, parent=PARENT, began=1.0, ended=2.0)
    span = spans.the()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert telemetry.trace_id(recorded) == telemetry.trace_id(PARENT)
    assert ids(recorded)[1] == ids(identity)[1]


def test_ids_are_random_again_afterwards(spans: Spans) -> None:
    identity = telemetry.derived("uid-1")
    tracing.record_derived(Step.SUBMIT, NAMES, identity, parent=None, began=1.0, ended=2.0)
    for _ in range(2):
        telemetry.start(Step.SUBMIT, NAMES).end()
    assert len({told(span) for span in spans.all()}) == 3


def test_a_span_never_ends_before_it_began(spans: Spans) -> None:
    telemetry.record(Step.WAIT, NAMES, parent=PARENT, began=5.0, ended=4.0)
    span = spans.the()
    assert span.start_time == span.end_time == 5_000_000_000


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Step.SUBMIT, SpanKind.PRODUCER),
        (Step.ADMIT, SpanKind.INTERNAL),
        (Step.WAIT, SpanKind.INTERNAL),
        (Step.ATTEMPT, SpanKind.CONSUMER),
        (Step.REPORT, SpanKind.CLIENT),
    ],
)
def test_spans_are_named_by_step_and_queue(spans: Spans, step: Step, kind: SpanKind) -> None:
    telemetry.start(step, telemetry.attributes(step, id="shop.1", task="shop.send", queue="shop")).end()
    span = spans.the()
    assert (span.name, span.kind) == (f"{step} shop", kind)
    assert span.attributes is not None
    assert span.attributes["messaging.operation.name"] == step


def test_a_failed_span_says_why(spans: Spans) -> None:
    span = telemetry.start(Step.ATTEMPT, NAMES)
    telemetry.failed(span, "ValueError: x")
    span.end()
    assert (spans.the().status.status_code, spans.the().status.description) == (StatusCode.ERROR, "ValueError: x")


def test_spans_that_come_faster_than_they_go_are_noticed(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "CONGESTED_SPANS", 2)
    spans.all()
    assert not tracing.congested()
    for _ in range(3):
        telemetry.start(Step.SUBMIT, NAMES).end()
    assert tracing.congested()
    spans.all()
    assert not tracing.congested()


def test_spans_that_are_not_recorded_congest_nothing(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "CONGESTED_SPANS", 2)
    for _ in range(9):
        telemetry.start(Step.ATTEMPT, NAMES, parent=f"{PARENT[:-2]}00").end()
    assert not tracing.congested()


def test_the_service_is_named(spans: Spans) -> None:
    telemetry.start(Step.SUBMIT, NAMES).end()
    assert spans.the().resource.attributes["service.name"] == "penstock-test"


@pytest.mark.parametrize(
    "environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_SDK_DISABLED": "true"}]
)
def test_without_an_endpoint_nothing_is_even_imported(environment: dict[str, str]) -> None:
    code = (
        "import sys; from penstock import tracing; tracing.configure('x')();"
        "sys.exit('opentelemetry.sdk.trace' in sys.modules)"
    )
    assert run(code, environment) == 0


def run(code: str, environment: dict[str, str]) -> int:
    path = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=environment | path, check=False).returncode

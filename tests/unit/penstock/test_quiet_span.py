from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, TraceFlags

from penstock.export import Provider
from penstock.quiet_span import QuietSpan

PARENT = SpanContext(7, 8, True, TraceFlags(TraceFlags.SAMPLED))
NAMES: dict[str, str | int] = {"messaging.system": "redis", "penstock.attempt": 2}


class Rig:
    """A provider whose spans stay here."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = Provider(Resource({"service.name": "test"}), SimpleSpanProcessor(self._exporter))

    def begin(self) -> Span:
        return self.provider.begin("attempt shop", SpanKind.CONSUMER, NAMES, PARENT, 1_000)

    def the(self) -> ReadableSpan:
        [span] = self._exporter.get_finished_spans()
        self._exporter.clear()
        return span


@pytest.fixture
def rig() -> Rig:
    return Rig()


def told(span: ReadableSpan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(span.to_json())
    del found["context"]["span_id"]
    return found


def test_it_is_exported_as_the_sdks_own_would_be(rig: Rig) -> None:
    quiet = rig.begin()
    assert isinstance(quiet, QuietSpan)
    quiet.end(2_000)
    found = rig.the()
    under = trace.set_span_in_context(trace.NonRecordingSpan(PARENT))
    tracer = rig.provider.get_tracer("penstock")
    tracer.start_span("attempt shop", under, SpanKind.CONSUMER, NAMES, start_time=1_000).end(2_000)
    whole = rig.the()
    assert told(found) == told(whole)
    assert found.instrumentation_scope == whole.instrumentation_scope
    assert hash(found.instrumentation_scope) == hash(whole.instrumentation_scope)
    assert (found.parent, found.resource) == (whole.parent, whole.resource)


ADDITIONS: list[tuple[Callable[[Span], None], Callable[[ReadableSpan], bool]]] = [
    (lambda span: span.set_attribute("user", 42), lambda span: (span.attributes or {})["user"] == 42),
    (lambda span: span.set_attributes({"user": 42}), lambda span: (span.attributes or {})["user"] == 42),
    (lambda span: span.add_event("retried", {"n": 1}), lambda span: span.events[0].name == "retried"),
    (lambda span: span.add_link(PARENT), lambda span: span.links[0].context == PARENT),
    (lambda span: span.update_name("other"), lambda span: span.name == "other"),
    (lambda span: span.set_status(StatusCode.ERROR, "odd"), lambda span: span.status.description == "odd"),
    (lambda span: span.record_exception(ValueError("x")), lambda span: span.events[0].name == "exception"),
]


@pytest.mark.parametrize(("add", "added"), ADDITIONS)
def test_what_is_added_arrives_under_the_same_ids(
    rig: Rig, add: Callable[[Span], None], added: Callable[[ReadableSpan], bool]
) -> None:
    span = rig.begin()
    context = span.get_span_context()
    add(span)
    span.set_attribute("late", True)
    span.end(2_000)
    found = rig.the()
    assert added(found)
    assert (found.attributes or {})["late"] is True
    assert (found.attributes or {})["penstock.attempt"] == 2
    assert found.context is not None
    assert (found.context.trace_id, found.context.span_id) == (context.trace_id, context.span_id)
    assert (found.parent, found.start_time, found.end_time) == (PARENT, 1_000, 2_000)


def test_it_ends_once(rig: Rig) -> None:
    span = rig.begin()
    assert span.is_recording()
    span.end()
    span.end()
    assert not span.is_recording()
    ended = rig.the().end_time
    assert ended is not None
    assert ended > 1_000


def test_a_span_begun_inside_it_is_its_child(rig: Rig) -> None:
    span = rig.begin()
    with trace.use_span(span):
        rig.provider.get_tracer("users").start_span("query").end()
    found = rig.the()
    assert found.parent is not None
    assert found.parent.span_id == span.get_span_context().span_id


def test_a_second_processor_sees_spans_begin(rig: Rig) -> None:
    class Witness(SpanProcessor):
        def __init__(self) -> None:
            self.begun: list[str] = []

        def on_start(self, span: Span, parent_context: object = None) -> None:
            assert isinstance(span, ReadableSpan)
            self.begun.append(span.name)

    rig.provider.add_span_processor(witness := Witness())
    span = rig.begin()
    assert not isinstance(span, QuietSpan)
    assert witness.begun == ["attempt shop"]
    span.end()
    assert rig.the().parent == PARENT

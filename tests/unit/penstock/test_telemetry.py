from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach

from penstock import telemetry
from penstock.telemetry import Step, Tracing

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
names = st.lists(st.text(), min_size=1, max_size=4)


def hexadecimal(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@given(names)
def test_derived_ids_are_stable_and_well_formed(parts: list[str]) -> None:
    first = telemetry.derived(*parts)
    assert first == telemetry.derived(*parts)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", first)


@given(st.text(), st.text(), st.text())
def test_what_derives_from_one_name_is_one_trace_of_several_spans(uid: str, one: str, other: str) -> None:
    first, second = telemetry.derived(uid, one), telemetry.derived(uid, other)
    assert telemetry.trace_id(first) == telemetry.trace_id(second) == telemetry.trace_id(telemetry.derived(uid))
    assert (first == second) == (one == other)


@given(st.text(), st.text())
def test_different_names_are_different_traces(one: str, other: str) -> None:
    same = telemetry.trace_id(telemetry.derived(one)) == telemetry.trace_id(telemetry.derived(other))
    assert same == (one == other)


@given(hexadecimal(32), hexadecimal(16), hexadecimal(2))
def test_a_traceparent_is_read_as_it_was_written(trace_hex: str, span_hex: str, flags: str) -> None:
    written = f"00-{trace_hex}-{span_hex}-{flags}"
    context = telemetry.parse(written)
    assert context is not None
    assert telemetry.traceparent(trace.get_current_span(context)) == written
    assert telemetry.trace_id(written) == trace_hex


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "garbage",
        "00",
        f"00-{TRACE}",
        f"00-{TRACE}-{SPAN}",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{'g' * 32}-{SPAN}-01",
        f"00-1{TRACE}-{SPAN}-01",
        f"-{TRACE}-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_is_none(wrong: str | None) -> None:
    assert telemetry.parse(wrong) is None
    assert telemetry.trace_id(wrong) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "00-1-1-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"zz-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-fff",
        f"00-{TRACE}-{SPAN}-01-more",
    ],
)
def test_what_w3c_calls_invalid_is_none_too(wrong: str) -> None:
    assert telemetry.parse(wrong) is None


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    telemetry.parse(text)
    telemetry.parse(f"00-{text}")


def test_a_later_version_may_say_more() -> None:
    assert telemetry.trace_id(f"cc-{TRACE}-{SPAN}-01-more") == TRACE


def test_without_an_sdk_there_is_nothing_to_carry() -> None:
    names = telemetry.attributes(Step.SUBMIT, id="", task="a.b", queue="a")
    assert telemetry.traceparent(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)) is None
    assert names["messaging.destination.name"] == "a"


def test_an_attempt_is_numbered() -> None:
    assert "penstock.attempt" not in telemetry.attributes(Step.WAIT, id="a.1", task="a.b", queue="a")
    assert telemetry.attributes(Step.ATTEMPT, id="a.1", task="a.b", queue="a", attempt=2)["penstock.attempt"] == 2


@pytest.mark.parametrize(
    ("traceparent", "expected"),
    [
        (None, True),  # a trace that was never begun may be
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # further flags
        (f"00-{TRACE}-{SPAN}-02", False),
    ],
)
def test_a_trace_says_whether_it_is_recorded(traceparent: str | None, expected: bool) -> None:
    assert telemetry.sampled(traceparent) == expected


@given(st.text())
def test_whether_any_text_is_recorded_is_told_without_an_error(text: str) -> None:
    telemetry.sampled(text)


def test_a_later_version_says_whether_it_is_recorded_at_the_same_place() -> None:
    assert telemetry.sampled(f"cc-{TRACE}-{SPAN}-01-more")
    assert not telemetry.sampled(f"cc-{TRACE}-{SPAN}-00-more")


@given(hexadecimal(32), hexadecimal(16))
def test_whatever_is_current_is_carried_on(trace_hex: str, span_hex: str) -> None:
    written = f"00-{trace_hex}-{span_hex}-01"
    token = attach(telemetry.parse(written) or Context())
    try:
        assert telemetry.current() == written
    finally:
        detach(token)
    assert telemetry.current() is None


class Named:
    """A provider whose sampler is of a class of that name."""

    def __init__(self, name: str) -> None:
        self.sampler = type(name, (), {})()


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (trace.ProxyTracerProvider(), Tracing.OFF),
        (trace.NoOpTracerProvider(), Tracing.OFF),
        (Named("ParentBased"), Tracing.FOLLOW),
        (Named("ParentBasedTraceIdRatio"), Tracing.FOLLOW),
        (Named("TraceIdRatioBased"), Tracing.ASK),
        (object(), Tracing.ASK),
    ],
)
def test_how_spans_are_made_follows_from_the_provider(
    provider: object, expected: Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    assert telemetry.tracing() is expected
    assert telemetry.enabled() == (expected is not Tracing.OFF)


def test_the_names_of_the_sdks_samplers_are_known() -> None:
    from opentelemetry.sdk.trace import sampling

    for sampler in (sampling.DEFAULT_ON, sampling.ParentBasedTraceIdRatio(0.5)):
        assert type(sampler).__name__ in {"ParentBased", "ParentBasedTraceIdRatio"}

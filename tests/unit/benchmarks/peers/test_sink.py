from __future__ import annotations

import gzip
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.peers.collector import collect
from benchmarks.peers.sink import STEPS, Spans, count
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span


def exported(*spans: tuple[int, str]) -> bytes:
    """An export request of these (trace, step)s."""
    found = [Span(trace_id=bytes([trace] * 16), name=f"{step} bench") for trace, step in spans]
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=found)])
    request: bytes = ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()
    return request


def test_whole_traces_lack_nothing_however_they_come() -> None:
    first = exported(*((trace, step) for trace in (1, 2) for step in STEPS[:2]))
    second = exported(*((trace, step) for trace in (1, 2) for step in STEPS[2:]))
    found = count([second, first])
    assert (found.traces, found.missing, found.more, found.expected) == (2, 0, 0, 8)


def test_what_lacks_and_what_came_twice_is_counted_apart() -> None:
    found = count([exported((1, "submit"), (1, "admit"), (1, "wait"), (1, "wait"))])
    assert (found.missing, found.more) == (1, 1)


def test_nothing_arrived() -> None:
    assert count([]) == Spans(0, {}, 0, 0)


@given(st.lists(st.lists(st.sampled_from((*STEPS, "report")), min_size=1), max_size=5), st.integers(1, 4))
def test_missing_and_more_are_what_lies_between_the_expected_and_the_received(
    traces: list[list[str]], chunk: int
) -> None:
    spans = [(number, step) for number, steps in enumerate(traces) for step in steps]
    found = count(exported(*spans[first : first + chunk]) for first in range(0, len(spans), chunk))
    assert (found.traces, sum(found.received.values())) == (len(traces), len(spans))
    assert found.expected - found.missing + found.more == len(spans)
    assert found.missing == sum(len(set(STEPS) - set(steps)) for steps in traces)


def test_what_is_sent_to_a_running_sink_is_counted_packed_or_not(tmp_path: Path) -> None:
    plain, packed = exported((1, "submit"), (1, "admit")), gzip.compress(exported((1, "wait"), (2, "wait")))
    with collect(tmp_path) as collector, closing(HTTPConnection("127.0.0.1", collector.port, 10)) as client:
        for body, headers in ((plain, {}), (packed, {"Content-Encoding": "gzip"})):
            client.request("POST", "/v1/traces", body, headers)
            with client.getresponse() as response:
                assert response.status == 200
        client.close()
        assert collector.spans() == Spans(2, {"submit": 1, "admit": 1, "wait": 2}, 4, 0)

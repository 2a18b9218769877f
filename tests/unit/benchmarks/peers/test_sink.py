from __future__ import annotations

from benchmarks.peers.sink import STEPS, count
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

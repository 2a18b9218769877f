"""The drawing of a trace, from lines as the collector writes them."""

import io
import json
from typing import Any

import pytest
from demo import span_tree
from demo.span_tree import Span, bar, drawn, duration, of_trace, parse, rows
from rich.console import Console

TRACE = "ab" * 16
MS = 1_000_000


def exported(id: str, parent: str, name: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    """A span as OTLP's JSON has it; times in ms."""
    attempt = (
        [{"key": "penstock.attempt", "value": {"intValue": str(more.pop("attempt"))}}] if "attempt" in more else []
    )
    task = {"key": "penstock.task", "value": {"stringValue": "shop.flaky_payment"}}
    own = {"traceId": TRACE, "spanId": id, "name": name, "attributes": [task, *attempt], "status": {}}
    times = {"startTimeUnixNano": str(start * MS), "endTimeUnixNano": str(end * MS)}
    return own | times | ({"parentSpanId": parent} if parent else {}) | more


def line(service: str, *spans: dict[str, Any]) -> str:
    named = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps(
        {"resourceSpans": [{"resource": named, "scopeSpans": [{"spans": list(spans)}]}]}, separators=(",", ":")
    )


FAILED = {"code": 2, "message": "ConnectionError: nobody answers"}
LOG = [
    "2026-01-01T00:00:00Z info service started",
    line("operator", exported("a", "", "submit shop", 0, 10), exported("b", "a", "admit shop", 10, 20)),
    "pod/collector " + line("worker", exported("d", "b", "attempt shop", 40, 60, attempt=1, status=FAILED)),
    line("worker", exported("c", "b", "wait shop", 20, 40, attempt=1)),
    line("worker", exported("e", "b", "attempt shop", 90, 95, attempt=2), exported("f", "e", "report shop", 95, 100)),
    line("worker", exported("x", "", "submit shop", 0, 1, traceId="cd" * 16)),
    line("worker", exported("z", "", "submit shop", 0, 1))[:-9],
    '{"resourceMetrics":[]}',
    "",
]


@pytest.fixture
def spans() -> list[Span]:
    return of_trace(parse(LOG), TRACE)


def text(spans: list[Span]) -> list[str]:
    console = Console(width=160, file=io.StringIO())
    with console.capture() as captured:
        console.print(drawn(spans))
    return captured.get().splitlines()


def test_only_the_spans_of_the_trace_are_read(spans: list[Span]) -> None:
    assert [span.span_id for span in spans] == list("abcdef")
    assert spans[3].attributes == {"penstock.task": "shop.flaky_payment", "penstock.attempt": 1}
    assert spans[3].service == "worker"
    assert [span.error for span in spans] == [None, None, None, "ConnectionError: nobody answers", None, None]


def test_the_tree_follows_parents_and_times(spans: list[Span]) -> None:
    assert [f"{row.guide}{row.span.name}" for row in rows(spans)] == [
        "submit shop",
        "└─ admit shop",
        "   ├─ wait shop",
        "   ├─ attempt shop",
        "   └─ attempt shop",
        "      └─ report shop",
    ]


def test_of_a_span_exported_twice_the_later_counts() -> None:
    again = line("operator", exported("a", "", "submit shop", 0, 15))
    found = of_trace(parse([*LOG, again]), TRACE)
    assert len(found) == 6
    assert found[0].end == 15 * MS


def test_an_orphan_is_shown_as_such() -> None:
    lost = line("worker", exported("g", "gone", "report shop", 200, 210))
    shown = rows(of_trace(parse([*LOG, lost]), TRACE))
    assert [row.span.span_id for row in shown if row.orphan] == ["g"]
    assert "report shop (its parent is missing)" in text(of_trace(parse([*LOG, lost]), TRACE))[-1]


def test_the_drawing_has_offsets_durations_and_errors(spans: list[Span]) -> None:
    header, first, *_, failed, last_attempt, report = text(spans)
    assert header.split() == ["span", "service", "from", "took"]
    assert first.split()[:6] == ["submit", "shop", "operator", "+0", "µs", "10.0"]
    assert first.rstrip().endswith("shop.flaky_payment")
    assert "+40.0 ms" in failed
    assert failed.rstrip().endswith("attempt 1  ConnectionError: nobody answers")
    assert last_attempt.rstrip().endswith("attempt 2")
    assert "5.0 ms" in report


@pytest.mark.parametrize(("start", "end", "drawing"), [(0, 100, "━" * 32), (50, 75, " " * 16 + "━" * 8)])
def test_a_bar_lies_where_the_span_does(start: int, end: int, drawing: str) -> None:
    span = Span(TRACE, "a", "", "x", "y", start, end, {})
    assert bar(span, 0, 100) == drawing.ljust(32)


def test_the_shortest_span_at_the_very_end_still_shows() -> None:
    assert bar(Span(TRACE, "a", "", "x", "y", 100, 100, {}), 0, 100) == " " * 31 + "━"


@pytest.mark.parametrize(
    ("ns", "shown"), [(0, "0 µs"), (999_000, "999 µs"), (1_500_000, "1.5 ms"), (2 * 10**9, "2.00 s")]
)
def test_durations(ns: int, shown: str) -> None:
    assert duration(ns) == shown


def test_the_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(LOG)))
    assert span_tree.main([TRACE]) == 0
    assert "└─ report shop" in capsys.readouterr().out


def test_the_program_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(LOG)))
    assert span_tree.main(["ef" * 16]) == 1
    assert "no span of trace ef" in capsys.readouterr().err
    assert span_tree.main([]) == 2
    assert "usage" in capsys.readouterr().err

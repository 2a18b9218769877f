"""The spans of one trace, drawn as a tree: `python -m demo.span_tree TRACE_ID < collector.log`.

Reads what the OpenTelemetry Collector's file exporter writes, one JSON object of OTLP a line; a log's other lines are
passed over.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["Row", "Span", "drawn", "main", "of_trace", "parse", "rows"]

BAR_WIDTH = 32
PIPE_WIDTH = 160  # columns, where no terminal says how many there are
ERROR = 2  # STATUS_CODE_ERROR in OTLP
Value = str | int | float | bool


@dataclass(frozen=True)
class Span:
    """What is shown of a span; times in ns since the epoch. `error` is None for a span without."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    start: int
    end: int
    attributes: dict[str, Value]
    error: str | None = None


@dataclass(frozen=True)
class Row:
    """A span at its place: `guide` are the lines of the tree before its name."""

    guide: str
    span: Span
    orphan: bool = False


# --- reading -----------------------------------------------------------------------------------------------------


def parse(lines: Iterable[str]) -> Iterator[Span]:
    """All spans of a log, in its order."""
    for line in lines:
        for resource in _message(line).get("resourceSpans", []):
            service = str(_attributes(resource.get("resource", {})).get("service.name", ""))
            for scope in resource.get("scopeSpans", []):
                yield from (_span(span, service) for span in scope.get("spans", []))


def of_trace(spans: Iterable[Span], trace_id: str) -> list[Span]:
    """The trace's spans by their start. Of one that was exported twice the later counts."""
    latest = {span.span_id: span for span in spans if span.trace_id == trace_id}
    return sorted(latest.values(), key=lambda span: (span.start, span.end))


def _message(line: str) -> dict[str, Any]:
    start = line.find('{"resourceSpans"')  # a log may put a time or a pod's name before it
    try:
        message = json.loads(line[start:]) if start >= 0 else {}
    except ValueError:  # cut off, or followed by something else
        return {}
    return message if isinstance(message, dict) else {}


def _span(span: dict[str, Any], service: str) -> Span:
    status = span.get("status", {})
    return Span(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        name=span["name"],
        service=service,
        start=int(span["startTimeUnixNano"]),
        end=int(span["endTimeUnixNano"]),
        attributes=_attributes(span),
        error=status.get("message", "") if status.get("code") == ERROR else None,
    )


def _attributes(holder: dict[str, Any]) -> dict[str, Value]:
    return {pair["key"]: _value(pair["value"]) for pair in holder.get("attributes", [])}


def _value(tagged: dict[str, Any]) -> Value:
    """OTLP wraps a value with its type, and writes 64-bit integers as strings."""
    kind, value = next(iter(tagged.items()), ("stringValue", ""))
    if kind == "intValue":
        return int(value)
    return value if isinstance(value, (str, int, float, bool)) else json.dumps(value)


# --- the tree ----------------------------------------------------------------------------------------------------


def rows(spans: list[Span]) -> list[Row]:
    """The tree from top to bottom. A span whose parent is missing stands at the top and is marked."""
    known = {span.span_id for span in spans}
    tops = [span for span in spans if span.parent_id not in known]
    return [row for top in tops for row in _subtree(Row("", top, bool(top.parent_id)), "", spans)]


def _subtree(row: Row, indent: str, spans: list[Span]) -> Iterator[Row]:
    yield row
    children = [span for span in spans if span.parent_id == row.span.span_id]
    for child in children:
        last = child is children[-1]
        branch = Row(indent + ("└─ " if last else "├─ "), child)
        yield from _subtree(branch, indent + ("   " if last else "│  "), spans)


# --- drawing -----------------------------------------------------------------------------------------------------


def drawn(spans: list[Span]) -> Table:
    """The tree beside what each span says and when it was, as a bar on the trace's time."""
    began, ended = min(span.start for span in spans), max(span.end for span in spans)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("span", "service", "from", "took", ""):
        table.add_column(title, justify="right" if title in {"from", "took"} else "left", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in rows(spans):
        span = row.span
        table.add_row(
            _label(row),
            Text(span.service, "cyan"),
            f"+{duration(span.start - began)}",
            duration(span.end - span.start),
            Text(bar(span, began, ended), "red" if span.error is not None else "green"),
            _remark(row),
        )
    return table


def duration(ns: int) -> str:
    """In the unit that leaves a readable number."""
    if abs(ns) < 1_000_000:
        return f"{ns / 1_000:.0f} µs"
    return f"{ns / 1_000_000:.1f} ms" if abs(ns) < 1_000_000_000 else f"{ns / 1_000_000_000:.2f} s"


def bar(span: Span, began: int, ended: int) -> str:
    """Where the span lies in the trace's time; however short it is, it shows."""
    scale = BAR_WIDTH / max(1, ended - began)
    first = min(BAR_WIDTH - 1, int((span.start - began) * scale))
    length = max(1, round((span.end - span.start) * scale))
    return (" " * first + "━" * min(length, BAR_WIDTH - first)).ljust(BAR_WIDTH)


def _label(row: Row) -> Text:
    return Text.assemble((row.guide, "dim"), (row.span.name, "bold"), (" (its parent is missing)" * row.orphan, "red"))


def _remark(row: Row) -> Text:
    attributes, error = row.span.attributes, row.span.error
    task, attempt = attributes.get("penstock.task"), attributes.get("penstock.attempt")
    said = Text("" if row.guide or task is None else str(task))  # it is the same on every span: once is enough
    if attempt is not None:
        said.append(f"attempt {attempt}")
    if error is not None:
        said.append(f"{'  ' * bool(said)}{error or 'error'}", "red")
    return said


def main(arguments: list[str] = sys.argv[1:]) -> int:
    """Exit code 1 where the log has no span of the trace, 2 for a wrong call."""
    if len(arguments) != 1:
        print("usage: python -m demo.span_tree TRACE_ID < collector.log", file=sys.stderr)
        return 2
    spans = of_trace(parse(sys.stdin), arguments[0])
    if not spans:
        print(f"no span of trace {arguments[0]} in what was read", file=sys.stderr)
        return 1
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(drawn(spans))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""An OTLP/HTTP collector that only counts: `python -m benchmarks.peers.sink`.

It keeps what it is sent and decodes it when asked, so that it takes next to nothing from the machine meanwhile. It
prints its port, answers the first line on its standard input with what it counted, and ends.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["STEPS", "Spans", "count"]

STEPS = ("submit", "admit", "wait", "attempt")  # of a task that is submitted by itself and needs one attempt


@dataclass(frozen=True)
class Spans:
    """What arrived. `missing` are the spans that a trace lacks of `STEPS`, `more` those that it has too many."""

    traces: int
    received: dict[str, int]
    missing: int
    more: int

    @property
    def expected(self) -> int:
        """Of the traces that arrived at all."""
        return self.traces * len(STEPS)


def count(bodies: Iterable[bytes]) -> Spans:
    """Decode and count export requests; a span's step is the first word of its name."""
    traces: defaultdict[bytes, Counter[str]] = defaultdict(Counter)
    for body in bodies:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    traces[span.trace_id][span.name.partition(" ")[0]] += 1
    received: Counter[str] = Counter()
    whole, missing, more = Counter(STEPS), 0, 0
    for found in traces.values():
        received += found
        missing += (whole - found).total()
        more += (found - whole).total()
    return Spans(len(traces), dict(received), missing, more)


class _Handler(BaseHTTPRequestHandler):
    """Keeps the bodies."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]

    def do_POST(self) -> None:
        """An export."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until a line comes."""
    _Handler.bodies = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.readline()
        server.shutdown()
    print(json.dumps(asdict(count(_Handler.bodies))), flush=True)


if __name__ == "__main__":
    main()

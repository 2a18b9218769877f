"""Running a sink of spans beside a measurement."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.process import Failed, Process
from benchmarks.peers.sink import Spans
from benchmarks.peers.stage import CHECKOUT

__all__ = ["Collector", "collect"]

START_SECONDS = 20.0
COUNT_SECONDS = 60.0


@dataclass(frozen=True)
class Collector:
    """A sink that runs."""

    process: Process
    port: int

    def variables(self, ratio: float) -> dict[str, str]:
        """What makes a process send it this share of traces."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(ratio),
        }

    def spans(self) -> Spans:
        """What arrived, once all who send have ended. Ends the sink. Raises Failed."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return Spans(**json.loads(_line(self.process, COUNT_SECONDS)))


@contextmanager
def collect(folder: Path) -> Iterator[Collector]:
    """A sink while the block lasts; its log is in `folder`."""
    words = [sys.executable, "-m", "benchmarks.peers.sink"]
    variables = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    with Process(words, variables, folder / "sink.log", talks=True) as process:
        yield Collector(process, int(_line(process, START_SECONDS)))


def _line(process: Process, patience: float) -> bytes:
    line = process.line(patience)
    if not line:
        raise Failed(f"the sink of spans ended\n{process.tail()}")
    return line

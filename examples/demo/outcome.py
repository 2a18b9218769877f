"""What came of the demo: the Tasks as kubectl shows them, the thumbnails as files, one trace of the collector's."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from demo.live import Timeline
from demo.span_tree import Span, drawn, of_trace, parse
from demo.stage import Stage

__all__ = ["Outcome"]

EXPECTED = {"import-orders": "DeadLettered", "export-2026": "Cancelled"}  # the others succeed
TRACED = "payment-1001"  # three attempts: the most to see
SPANS = 9  # submit, admit, three waits, three attempts, report
PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class Outcome:
    """Everything that is shown at the end."""

    table: str
    tasks: dict[str, dict[str, Any]]
    thumbnails: list[Path]
    spans: list[Span]
    timeline: Timeline
    program: str

    @classmethod
    def gather(cls, stage: Stage, timeline: Timeline, folder: Path) -> Outcome:
        """Read it off the cluster; the thumbnails are written into `folder`."""
        tasks = {
            str(task["metadata"]["name"]): dict(task["status"])
            for task in json.loads(stage.tasks("--output=json"))["items"]
        }
        return cls(
            stage.tasks("--output=wide"),
            tasks,
            _saved(tasks, folder),
            _spans(stage, str(tasks[TRACED].get("traceID"))),
            timeline,
            stage.kubectl("logs", "job/shop-submit"),
        )

    @property
    def troubles(self) -> list[str]:
        """What isn't as it should be."""
        found = [
            f"{name} is {status['phase']}, expected {EXPECTED.get(name, 'Succeeded')}"
            for name, status in self.tasks.items()
            if status["phase"] != EXPECTED.get(name, "Succeeded")
        ]
        counts = self.timeline.counts
        if counts[0] != 0 or counts[-1] != 0 or max(counts) < 2:
            found.append(f"the pool went {self.timeline}, expected 0 → several → 0")
        if not self.program.rstrip().endswith("all as expected") or "NOT as" in self.program:
            found.append("the Python program wasn't content, see its log")
        if len(self.spans) != SPANS:
            found.append(f"the trace of {TRACED} has {len(self.spans)} spans, expected {SPANS}")
        return found

    @property
    def good(self) -> bool:
        """Whether all is as expected."""
        return not self.troubles

    def show(self, console: Console) -> None:
        """Print it."""
        console.rule("what the Python program said")
        console.print(self.program.strip(), highlight=False)
        console.rule("the Tasks, as kubectl shows them")
        console.print(self.table.strip(), highlight=False, soft_wrap=True)
        console.print(f"\nworkers: {self.timeline}")
        console.rule("the thumbnails, from the Tasks' results")
        for path in self.thumbnails:
            console.print(f"{path}  {path.stat().st_size} bytes", highlight=False)
        console.rule(f"the trace of {TRACED}, as the collector received it")
        if self.spans:
            console.print(drawn(self.spans))
        for trouble in self.troubles:
            console.print(f"[red]{trouble}[/]")


def _saved(tasks: dict[str, dict[str, Any]], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    saved: list[Path] = []
    for name, status in sorted(tasks.items()):
        if name.startswith("thumbnail-") and isinstance(status.get("result"), dict):
            path = folder / f"{name.removeprefix('thumbnail-')}.jpg"
            path.write_bytes(base64.b64decode(status["result"]["jpeg"]))
            saved.append(path)
    return saved


def _spans(stage: Stage, trace: str) -> list[Span]:
    """Exporters send in batches: wait for the last one."""
    until = time.monotonic() + PATIENCE
    while True:
        spans = of_trace(parse(stage.trace_log()), trace)
        if len(spans) >= SPANS or time.monotonic() > until:
            return spans
        time.sleep(0.5)

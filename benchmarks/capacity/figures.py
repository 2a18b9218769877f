"""What a stage found: named numbers, and how they came about.

Names: `raw`, `sustained`, `burst`, `jobs`, `batch` (per second; with ` steady`: of the middle part alone), `p50`,
`p95`, `p99` (ms of a single Task), `object` (bytes of a finished Task as JSON), and at LEVEL live Tasks: `peak LEVEL`
(MB, of the largest operator process), `standby LEVEL` (MB, of the one that does least), `cost LEVEL` (CPU seconds of a
Task, in all operator processes), `idle LEVEL` (CPU seconds of a second without Tasks), `rate LEVEL` (Tasks/s),
`restart LEVEL` (s), `stored LEVEL` (bytes of etcd's file).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Figures", "Found"]

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Found:
    """One stage's. `facts` are what its figures can't be read without; `error` says why they lack."""

    figures: Figures = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None

"""What a run leaves: every figure, what it can't be read without, and what it was taken on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.capacity.environment import Environment
from benchmarks.capacity.figures import Figures, Found
from benchmarks.capacity.options import Options
from benchmarks.kept import keep
from benchmarks.peers.bars import Bar

__all__ = ["Run", "write"]

OUT = Path("build/bench/capacity.json")


@dataclass(frozen=True)
class Run:
    """One run, measured."""

    options: Options
    environment: Environment
    stages: Mapping[str, Found]
    figures: Figures
    bars: Sequence[Bar]


def write(run: Run, path: Path = OUT) -> Path:
    """Keep it as JSON; the file."""
    return keep(path, _plain(run))


def _plain(run: Run) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": asdict(run.options),
        "environment": asdict(run.environment),
        "stages": {name: asdict(found) for name, found in run.stages.items()},
        "figures": dict(run.figures),
        "bars": [asdict(bar) for bar in run.bars],
    }

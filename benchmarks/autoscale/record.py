"""What a run leaves: every figure of every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.autoscale.bars import Table
from benchmarks.autoscale.options import Options
from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.autoscale.run import Outcome
from benchmarks.kept import keep
from benchmarks.peers.bars import Bar

__all__ = ["OUT", "Record", "write"]

OUT = Path("build/bench/autoscale.json")


@dataclass(frozen=True)
class Record:
    """One run of all that was asked for."""

    options: Options
    outcomes: Sequence[Outcome]
    table: Table
    bars: Sequence[Bar]


def write(record: Record, path: Path = OUT) -> Path:
    """Keep it as JSON; the file."""
    return keep(path, _plain(record))


def _plain(record: Record) -> dict[str, object]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": asdict(record.options),
        "patterns": {name: _pattern(name) for name in record.options.patterns},
        "runs": [
            {"pattern": one.pattern, "scaler": one.scaler, "seed": one.seed, "figures": one.figures}
            for one in record.outcomes
        ],
        "figures": {
            pattern: {scaler: {name: asdict(s) for name, s in found.items()} for scaler, found in scalers.items()}
            for pattern, scalers in record.table.items()
        },
        "bars": [asdict(bar) for bar in record.bars],
    }


def _pattern(name: str) -> dict[str, object]:
    what = PATTERNS[name]
    return {
        "title": what.title,
        "source": what.source,
        "seconds": what.seconds,
        "objective": what.objective,
        "concurrency": what.concurrency,
        "maxReplicas": what.most,
    }

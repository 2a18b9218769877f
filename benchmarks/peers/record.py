"""What a run leaves: every measurement, and what they were taken with."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.kept import keep
from benchmarks.peers.bars import Bar
from benchmarks.peers.figures import Figures, Row
from benchmarks.peers.options import Options
from benchmarks.peers.systems import SYSTEMS

__all__ = ["Machine", "Run", "write"]

OUT = Path("build/bench/peers.json")


@dataclass(frozen=True)
class Machine:
    """Where it ran. `load` is the average over the minute before."""

    cores: int
    processor: str
    memory_mb: int
    kernel: str
    python: str
    redis: str
    load: float

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
        cores, load = len(os.sched_getaffinity(0)), round(os.getloadavg()[0], 2)
        return cls(cores, _processor(), memory, platform.release(), platform.python_version(), _version(redis), load)


@dataclass(frozen=True)
class Run:
    """One run, measured."""

    options: Options
    machine: Machine
    packages: Mapping[str, Mapping[str, str]]
    rows: Sequence[Row]
    figures: Figures
    bars: Sequence[Bar]


def write(run: Run, path: Path = OUT) -> Path:
    """Keep it as JSON; the file."""
    return keep(path, _plain(run))


def _plain(run: Run) -> dict[str, Any]:
    options = {name: value for name, value in asdict(run.options).items() if name != "source"}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": options,
        "machine": asdict(run.machine),
        "settings": {name: SYSTEMS[name].settings for name in run.options.systems},
        "packages": run.packages,
        "rounds": [asdict(row) | {"figures": row.figures()} for row in run.rows],
        "figures": {system: {name: asdict(s) for name, s in found.items()} for system, found in run.figures.items()},
        "bars": [asdict(bar) for bar in run.bars],
    }


def _version(said: str) -> str:
    """Of `Redis server v=7.0.15 sha=…`."""
    return next((word.partition("=")[2] for word in said.split() if word.startswith("v=")), said)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")

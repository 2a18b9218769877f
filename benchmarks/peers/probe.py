"""What a worker's process tells of the functions that it starts: a memory-mapped file a process.

Imported by every system's worker, whatever its environment holds: so it needs nothing but the standard library, and
costs each start the same fraction of a microsecond. Times are ns of CLOCK_MONOTONIC, which all processes of a machine
share. A process's first function waits until the file `open` is there: so all processes are up, each with what it has
fetched ahead, before the first one works.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DIRECTORY", "Starts", "Watch", "stamped", "started"]

DIRECTORY = "BENCH_PROBES"  # the variable that names the directory of the files
SUFFIX = ".starts"
GATE = "open"
GATE_PATIENCE = 120.0  # seconds
GATE_LOOK = 0.0005
COUNT, FIRST, LAST, SAMPLES, HEADER = range(5)
CAPACITY = 65_536  # samples a process
SIZE = 8 * (HEADER + CAPACITY)

_lock = threading.Lock()
_cells: memoryview | None = None


def started() -> None:
    """Count a start, now."""
    cells = _cells if _cells is not None else _begin()
    with _lock:
        now = time.monotonic_ns()
        if not cells[COUNT]:
            cells[FIRST] = now
        cells[COUNT] += 1
        cells[LAST] = now


def stamped(sent: int) -> None:
    """Count a start, and keep how long ago its enqueue call was; `sent` is in ns, 0 in a warm-up."""
    now = time.monotonic_ns()
    started()
    cells = _cells
    if sent and cells is not None:
        with _lock:
            cells[HEADER + cells[SAMPLES]] = now - sent
            cells[SAMPLES] += 1


def _begin() -> memoryview:
    """This process's file, made at its first start: processes that fork by then have one each."""
    global _cells  # noqa: PLW0603 - one file a process
    with _lock:
        if _cells is None:
            directory = Path(os.environ[DIRECTORY])
            with (directory / f"{os.getpid()}{SUFFIX}").open("w+b") as file:
                file.truncate(SIZE)
                cells = memoryview(mmap.mmap(file.fileno(), SIZE)).cast("q")
            _wait_for_gate(directory / GATE)
            _cells = cells
    return _cells


def _wait_for_gate(gate: Path) -> None:
    patience = time.monotonic() + GATE_PATIENCE
    while not gate.exists() and time.monotonic() < patience:
        time.sleep(GATE_LOOK)


# --- the other side -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Starts:
    """What the processes of a directory have started together. Times in ns; 0 where nothing started."""

    count: int = 0
    first: int = 0
    last: int = 0


class Watch:
    """Looks at a directory's files, cheaply enough to be asked every few ms."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[Path, memoryview] = {}

    def open_gate(self) -> int:
        """Let the processes work. When that was, ns."""
        now = time.monotonic_ns()
        (self._directory / GATE).touch()
        return now

    def arrived(self) -> int:
        """How many processes have started a function, or wait at the gate with their first."""
        return len(self._maps())

    def starts(self) -> Starts:
        """Of all processes together."""
        found = [cells for cells in self._maps() if cells[COUNT]]
        if not found:
            return Starts()
        return Starts(sum(c[COUNT] for c in found), min(c[FIRST] for c in found), max(c[LAST] for c in found))

    def samples(self) -> list[int]:
        """Every sample, ns."""
        return [sample for cells in self._maps() for sample in cells[HEADER : HEADER + cells[SAMPLES]]]

    def _maps(self) -> Collection[memoryview]:
        for path in self._directory.glob(f"*{SUFFIX}"):
            if path not in self._files and path.stat().st_size == SIZE:
                with path.open("rb") as file:
                    cells = mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_READ)
                self._files[path] = memoryview(cells).cast("q")
        return self._files.values()

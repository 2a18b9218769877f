"""When a worker process has done its share and should be replaced by a fresh one."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["Limits", "due", "resident_bytes"]

JITTER = 0.1  # of max_tasks, so that processes that were started together aren't replaced together
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Limits:
    """A process is replaced after so many tasks, or once so much memory is resident; None: never."""

    max_tasks: int | None = None
    max_memory_bytes: int | None = None

    def jittered(self, random: Callable[[], float]) -> Limits:
        """The same with `max_tasks` up to a tenth more or less; `random` gives [0, 1)."""
        if self.max_tasks is None:
            return self
        return replace(self, max_tasks=max(1, round(self.max_tasks * (1 + JITTER * (2 * random() - 1)))))


def due(limits: Limits, done: int, resident: Callable[[], int]) -> str | None:
    """Why the process should be replaced, or None. `done` counts its tasks, `resident` gives its bytes."""
    if limits.max_tasks is not None and done >= limits.max_tasks:
        return f"it has run {done} tasks, of at most {limits.max_tasks}"
    if limits.max_memory_bytes is not None and (now := resident()) >= limits.max_memory_bytes:
        return f"{now / 2**20:.0f} MiB are resident, of at most {limits.max_memory_bytes / 2**20:.0f}"
    return None


def resident_bytes() -> int:
    """How much memory of this process is resident."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # no /proc: the peak is the next best; in KiB but for macOS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

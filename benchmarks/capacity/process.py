"""One process, as /proc/PID/stat and /proc/PID/status tell of it: pure, for it runs in a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Process", "spent"]

TICKS = 100  # a second, of every Linux that Kubernetes runs on
USER, SYSTEM = 11, 12  # fields of stat, counted after the name in brackets, which may hold any bytes


@dataclass(frozen=True)
class Process:
    """MB, and CPU seconds since it began."""

    peak_mb: float
    now_mb: float
    cpu_seconds: float

    @classmethod
    def parse(cls, text: str) -> Process:
        """Of both files, one after the other. Raises ValueError where a field lacks."""
        stat, _, status = text.partition("\n")
        fields = stat.rpartition(")")[2].split()
        if len(fields) <= SYSTEM:
            raise ValueError(f"/proc/PID/stat isn't understood: {stat[:80]!r}")
        cpu = (int(fields[USER]) + int(fields[SYSTEM])) / TICKS
        return cls(_megabytes(status, "VmHWM"), _megabytes(status, "VmRSS"), cpu)


def spent(before: Mapping[str, Process], after: Mapping[str, Process]) -> dict[str, float]:
    """CPU seconds of each in between; all of them of one that is new."""
    return {
        name: process.cpu_seconds - (before[name].cpu_seconds if name in before else 0.0)
        for name, process in after.items()
    }


def _megabytes(status: str, name: str) -> float:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1.024 / 1000  # the kernel says kB and means 1,024 bytes
    raise ValueError(f"/proc/PID/status has no {name}: {status[:80]!r}")

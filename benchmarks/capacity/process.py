"""One process, as /proc/PID/stat and /proc/PID/status tell of it: pure, for it runs in a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.capacity.stuck import Stuck

__all__ = ["Process", "spent"]

TICKS = 100  # a second, of every Linux that Kubernetes runs on
USER, SYSTEM, BEGAN = 11, 12, 19  # fields of stat, counted after the name in brackets, which may hold any bytes


@dataclass(frozen=True)
class Process:
    """MB, and CPU seconds since it began, which was `began` ticks after the machine's start."""

    peak_mb: float
    now_mb: float
    cpu_seconds: float
    began: int = 0

    @classmethod
    def parse(cls, text: str) -> Process:
        """Of both files, one after the other. Raises ValueError where a field lacks."""
        stat, _, status = text.partition("\n")
        fields = stat.rpartition(")")[2].split()
        if len(fields) <= BEGAN:
            raise ValueError(f"/proc/PID/stat isn't understood: {stat[:80]!r}")
        cpu = (int(fields[USER]) + int(fields[SYSTEM])) / TICKS
        return cls(_megabytes(status, "VmHWM"), _megabytes(status, "VmRSS"), cpu, int(fields[BEGAN]))


def spent(before: Mapping[str, Process], after: Mapping[str, Process]) -> dict[str, float]:
    """CPU seconds of each in between. Raises Stuck where one was replaced: what the old one used is lost."""
    changed = {name for name in {*before, *after} if _began(before, name) != _began(after, name)}
    if changed:
        raise Stuck(
            f"{', '.join(sorted(changed))} began or ended while it was measured; see: kubectl describe pod, and "
            "kubectl logs --previous"
        )
    return {name: process.cpu_seconds - before[name].cpu_seconds for name, process in after.items()}


def _began(processes: Mapping[str, Process], name: str) -> int | None:
    return processes[name].began if name in processes else None


def _megabytes(status: str, name: str) -> float:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1.024 / 1000  # the kernel says kB and means 1,024 bytes
    raise ValueError(f"/proc/PID/status has no {name}: {status[:80]!r}")

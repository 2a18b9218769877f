"""What Linux knows of processes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

__all__ = ["available_bytes", "cpu_seconds", "rss_mb", "tree"]

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


def tree(pids: Iterable[int]) -> list[int]:
    """The processes and all below them."""
    children = defaultdict(list)
    for entry in PROC.glob("[0-9]*"):
        if fields := _stat(int(entry.name)):
            children[int(fields[1])].append(int(entry.name))
    found, left = [], list(pids)
    while left:
        pid = left.pop()
        found.append(pid)
        left += children[pid]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time so far of those that live."""
    return sum((int(fields[11]) + int(fields[12])) / TICK for pid in pids if (fields := _stat(pid)))


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory of those that live, MB; what they share counts in each."""
    return sum(_rss_kb(pid) for pid in pids) / 1000


def available_bytes() -> int:
    """Memory that new processes may take without swapping."""
    lines = (PROC / "meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _stat(pid: int) -> list[str]:
    """The fields from the third on (the second may hold any bytes); none for a process that is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _rss_kb(pid: int) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1.024 for line in lines if line.startswith("VmRSS:")), 0)

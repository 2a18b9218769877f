"""Whether a process still lives; one that only waits to be reaped doesn't."""

from __future__ import annotations

from pathlib import Path


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False

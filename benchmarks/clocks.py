"""What time has passed, and who has used it."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["clocks"]


def clocks(pid: int) -> tuple[float, float, float]:
    """ms: the wall's, and what that process' main thread and this process have run."""
    other = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    return time.perf_counter() * 1000, other, time.process_time() * 1000

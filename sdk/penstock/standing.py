"""How a task that hasn't ended stands: what its worker or the operator would have said of it."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.status import Phase

__all__ = ["Standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A Task that hasn't ended. Times are seconds since the epoch."""

    phase: Phase
    reason: str
    message: str
    at: float
    admitted: bool = True
    attempts: int = 0
    worker: str = ""
    queued_at: float | None = None
    started_at: float | None = None
    traceparent: str | None = None
    percent: float | None = None
    said: str = ""

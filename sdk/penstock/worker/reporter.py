"""Telling the outside how tasks stand. A worker without a cluster tells nobody; the container tells the API server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.envelope import Envelope
from penstock.outcome import Outcome

__all__ = ["NobodyAsks", "Reporter", "Running"]


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt under way. Times are seconds since the epoch."""

    envelope: Envelope
    attempts: int
    worker: str
    queued_at: float
    started_at: float
    percent: float | None = None
    message: str = ""


class Reporter(Protocol):
    """Takes reports and sees to them in its own time; nothing here may block a task."""

    def running(self, running: Running) -> None:
        """A task runs (said only of those that run for more than a moment), or has got further."""

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Tasks have ended and their outcomes are in the outbox: report, then clear."""

    async def drain(self, seconds: float) -> None:
        """Finish what can be finished in time; the operator sweeps up the rest."""


class NobodyAsks:
    """For tasks that came straight through the broker: it is the record."""

    def running(self, running: Running) -> None:
        """See Reporter."""

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """See Reporter."""

    async def drain(self, seconds: float) -> None:
        """See Reporter."""

"""Telling the outside how tasks stand. A worker without a cluster tells nobody; the container tells the API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.envelope import Envelope
from penstock.outcome import Outcome
from penstock.standing import Standing

__all__ = ["NobodyAsks", "Reporter"]


class Reporter(Protocol):
    """Takes reports and sees to them in its own time; nothing here may block a task."""

    def standing(self, envelope: Envelope, standing: Standing) -> None:
        """A task runs, has got further, or has to wait (said only where that takes more than a moment)."""

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Tasks have ended and their outcomes are in the outbox: report, then clear."""

    async def drain(self, seconds: float) -> None:
        """Finish what can be finished in time; the operator sweeps up the rest."""


class NobodyAsks:
    """For tasks that came straight through the broker: it is the record."""

    def standing(self, envelope: Envelope, standing: Standing) -> None:
        """See Reporter."""

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """See Reporter."""

    async def drain(self, seconds: float) -> None:
        """See Reporter."""

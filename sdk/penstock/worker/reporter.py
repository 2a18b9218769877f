"""Telling the outside how tasks stand. A worker without a cluster tells nobody; the container tells the API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.broker.messages import Begun, Verb
from penstock.envelope import Envelope
from penstock.outcome import Outcome
from penstock.standing import Standing
from penstock.status import Phase
from penstock.worker.verdict import Ruling

__all__ = ["NobodyAsks", "Reporter", "running", "waiting"]

WORTH_TELLING_SECONDS = 1.0


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


def running(envelope: Envelope, begun: Begun, now: float, worker: str) -> Standing:
    """An attempt is under way."""
    said = f"attempt {begun.attempts} runs on {worker}"
    return _standing(envelope, begun, now, (Phase.RUNNING, "Running", said), worker)


def waiting(envelope: Envelope, begun: Begun, now: float, ruling: Ruling) -> Standing | None:
    """What is told of a task that waits again. A moment isn't worth it: the next attempt says more."""
    if ruling.verb is Verb.PARK:
        return _parked(envelope, begun, now, ruling)
    if ruling.delay < WORTH_TELLING_SECONDS:
        return None
    return (_retrying if ruling.verb is Verb.RETRY else _snoozing)(envelope, begun, now, ruling)


def _parked(envelope: Envelope, begun: Begun, now: float, ruling: Ruling) -> Standing:
    """Nobody here can run it."""
    said = f"{ruling.reason}: it waits for a worker that does"
    return _standing(envelope, begun, now, (Phase.QUEUED, "Parked", said))


def _snoozing(envelope: Envelope, begun: Begun, now: float, ruling: Ruling) -> Standing:
    """It asked to be run again later."""
    return _standing(envelope, begun, now, (ruling.phase, "Snoozed", f"run again in {ruling.delay:.0f} s, as it asked"))


def _retrying(envelope: Envelope, begun: Begun, now: float, ruling: Ruling) -> Standing:
    """The next attempt comes after a while."""
    failure = ruling.failure
    why = f"{failure.type}: {failure.message}" if failure else "it was asked for"
    return _standing(envelope, begun, now, (ruling.phase, "Retrying", f"again in {ruling.delay:.0f} s after {why}"))


def _standing(envelope: Envelope, begun: Begun, now: float, said: tuple[Phase, str, str], worker: str = "") -> Standing:
    return Standing(
        *said,
        at=now,
        attempts=begun.attempts,
        worker=worker,
        queued_at=begun.queued_at,
        started_at=begun.started_at,
        traceparent=envelope.traceparent,
    )

"""What is recorded of an attempt's end."""

from __future__ import annotations

import math

from msgspec import structs

from penstock.bounds import HORIZON_SECONDS
from penstock.broker.messages import Begun, Settlement, Verb, Verdict
from penstock.errors import TooLarge
from penstock.outcome import Failure, Outcome
from penstock.sealing import PayloadCodec
from penstock.status import Phase
from penstock.worker.attempt import Attempt
from penstock.worker.tally import Ended, Tally
from penstock.worker.verdict import Ruling

__all__ = ["buried", "recorded", "sealed_record", "tallied", "unwritable"]

BURIED_SECONDS = 7 * 24 * 3600.0  # how long a dead letter's reason stays; it belongs to it


def recorded(attempt: Attempt, ruling: Ruling, *, by: str, at: float, traceparent: str | None) -> Settlement:
    """The settlement of an attempt; with an outcome if that was the task's last."""
    life = _bounded(attempt.policy.result_ttl)
    return Settlement(
        lease=attempt.begun.lease,
        verb=ruling.verb,
        phase=ruling.phase,
        outcome=_outcome(attempt, ruling, by, at, traceparent) if ruling.verb is Verb.END else None,
        delay=ruling.delay,
        life=max(life, BURIED_SECONDS) if ruling.phase is Phase.DEAD_LETTERED else life,
    )


def _outcome(attempt: Attempt, ruling: Ruling, by: str, at: float, traceparent: str | None) -> Outcome:
    envelope, begun = attempt.envelope, attempt.begun
    return Outcome(
        id=envelope.id,
        task=envelope.task,
        phase=ruling.phase,
        attempts=begun.attempts - (begun.verdict is Verdict.RUN and not attempt.started),
        worker=by,
        queued_at=begun.queued_at,
        started_at=begun.started_at,
        finished_at=max(begun.started_at, at),
        result=ruling.result,
        failure=ruling.failure,
        traceparent=traceparent,
        resource=envelope.resource,
    )


def _bounded(life: float) -> float:
    """What was sent by others may say anything."""
    return min(life, HORIZON_SECONDS) if life > 0 and not math.isnan(life) else BURIED_SECONDS


def sealed_record(record: Settlement, codec: PayloadCodec | None) -> Settlement:
    """The same with its result sealed, as the arguments were."""
    outcome = record.outcome
    if codec is None or outcome is None or outcome.result is None:
        return record
    told = structs.replace(outcome, result=codec.encode(outcome.result), codec=codec.name)
    return structs.replace(record, outcome=told)


def tallied(tally: Tally, attempt: Attempt, phase: Phase, *, at: float) -> None:
    """Count it."""
    envelope, begun = attempt.envelope, attempt.begun
    how = Ended(envelope.queue, envelope.task, phase)
    tally.end(how, running=at - begun.started_at, waiting=begun.started_at - begun.queued_at)


def buried(begun: Begun, error: str, *, at: float) -> Settlement:
    """The settlement of what can't be understood."""
    failure, phase = Failure.bounded("Undecodable", error), Phase.DEAD_LETTERED
    outcome = Outcome(id=begun.lease.id, task="", phase=phase, finished_at=at, failure=failure)
    return Settlement(lease=begun.lease, verb=Verb.END, phase=phase, outcome=outcome, life=BURIED_SECONDS)


def unwritable(settlement: Settlement, error: Exception, *, at: float) -> Settlement:
    """What is recorded instead of an end that the broker won't take: a dead letter with the reason."""
    kind = "ResultTooLarge" if isinstance(error, TooLarge) else "Unwritable"
    failure = Failure.bounded(kind, f"its end can't be recorded: {error}")
    outcome = settlement.outcome or Outcome(id=settlement.lease.id, task="", phase=Phase.DEAD_LETTERED, finished_at=at)
    return structs.replace(
        settlement,
        verb=Verb.END,
        phase=Phase.DEAD_LETTERED,
        outcome=structs.replace(outcome, phase=Phase.DEAD_LETTERED, result=None, codec="", failure=failure),
        delay=0.0,
        life=BURIED_SECONDS,
    )

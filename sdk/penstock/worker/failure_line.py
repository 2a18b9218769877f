"""The one line that a worker logs of an attempt that didn't succeed: the task, its id, which attempt it was, how long
it ran and what was wrong, with the traceback. WARNING where it runs again, ERROR where that was the end."""

from __future__ import annotations

import logging
from contextlib import suppress

from penstock.broker.messages import Verb
from penstock.outcome import Failure
from penstock.status import Phase
from penstock.worker.attempt import Attempt
from penstock.worker.verdict import Ruling

__all__ = ["failure_line", "log_failure"]

log = logging.getLogger("penstock.worker")


def log_failure(attempt: Attempt, ruling: Ruling, *, at: float) -> None:
    """Log it, if there is something to say. `at`: now, by the worker's clock."""
    if (line := failure_line(attempt, ruling, max(0.0, at - attempt.begun.started_at))) is not None:
        with suppress(Exception):  # standard error may be closed, or a handler broken: it must be settled all the same
            log.log(*line)


def failure_line(attempt: Attempt, ruling: Ruling, seconds: float) -> tuple[int, str] | None:
    """The level and the line of an attempt that ran for so many seconds."""
    told = f"{attempt.envelope.task} {attempt.envelope.id}: {_ran(attempt, seconds)}"
    failure = ruling.failure
    if ruling.verb is Verb.CRASH:
        return logging.WARNING, f"{told}{ruling.reason}; it runs again"
    if ruling.verb is Verb.PARK and attempt.definition is not None:  # an unknown task has its line before
        return logging.WARNING, f"{told}{ruling.reason}; kept for a worker of the version that sent it"
    if failure is None:
        return None
    if ruling.phase is Phase.CANCELLED:
        return logging.INFO, f"{told}{failure.message}"
    if not attempt.begun.lease.nonce:
        return logging.ERROR, f"{told}the broadcast failed here: {_told(failure)}"
    if ruling.verb is Verb.RETRY:
        return logging.WARNING, f"{told}failed, again in {ruling.delay:.3g} s: {_told(failure)}"
    where = "goes to the dead letters" if ruling.phase is Phase.DEAD_LETTERED else "failed for good"
    return logging.ERROR, f"{told}{where}: {_told(failure)}"


def _ran(attempt: Attempt, seconds: float) -> str:
    """Which attempt it was; nothing of one that ended before its function was called."""
    if not attempt.started:
        return ""
    number, most, crashes = attempt.begun.attempts, attempt.policy.retry.max_attempts, attempt.begun.crashes
    besides = f", {crashes} crashes besides" if crashes else ""  # each was a start, too
    return f"attempt {number} of {most}{besides}, {seconds:.3f} s: "


def _told(failure: Failure) -> str:
    lines = [f"{failure.type}: {failure.message}" if failure.message else failure.type, failure.traceback.rstrip()]
    return "\n".join(filter(None, lines))

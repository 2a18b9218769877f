"""Code that goes on after its task has ended: it keeps its place, and a log line names it."""

from __future__ import annotations

import asyncio
import logging

from penstock.worker import attempt as attempts
from penstock.worker.attempt import Attempt
from penstock.worker.ending import meant

__all__ = ["name_deaf", "vacated"]

log = logging.getLogger("penstock.worker")


def name_deaf(attempt: Attempt) -> None:
    """Name one that was stopped in vain."""
    log.warning(
        "%s %s goes on though it was stopped: it ends without its function, which keeps its place here until it "
        "returns; let CancelledError through",
        attempt.envelope.task,
        attempt.envelope.id,
    )


async def vacated(attempt: Attempt) -> None:
    """Return when nothing of it runs any more: its place isn't free before."""
    named = f"{attempt.envelope.task} {attempt.envelope.id}"
    late = "%s has ended, and its thread goes on: it keeps its place here until that returns"
    warning = asyncio.get_running_loop().call_later(attempts.GRACE_SECONDS, log.warning, late, named)
    try:
        await attempt.vacated()
    except BaseException as error:  # its outcome stands already
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        log.warning("%s: cleaning up after it failed", named, exc_info=meant(error))
    finally:
        warning.cancel()

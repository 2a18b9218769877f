"""What running tasks say of themselves, thinned out: their first word at the next look, then at most one a second. That
a task runs at all is told after a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from penstock.errors import PenstockError
from penstock.progress import NOTHING_SAID
from penstock.worker.attempt import Attempt
from penstock.worker.outage import Outage

__all__ = ["report_progress"]

INTERVAL_SECONDS = 1.0
LOOK_SECONDS = 0.25


async def report_progress(
    running: Callable[[], Iterable[Attempt]], publish: Callable[[Attempt], Awaitable[None]], outage: Outage
) -> None:
    """Look over what runs, for ever. One timer for all: a short task that says nothing never costs a thing."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        before = clock() - INTERVAL_SECONDS
        for attempt in [one for one in running() if _due(one, before)]:
            if attempt not in running():  # it has ended while another was reported
                continue
            attempt.news, attempt.told_at, attempt.told = False, clock(), True
            try:
                await publish(attempt)
            except PenstockError as error:
                outage.failed("progress", attempt.envelope.queue, error)


def _due(attempt: Attempt, before: float) -> bool:
    if not attempt.news:
        return False
    return attempt.told_at <= before or (not attempt.told and attempt.said is not NOTHING_SAID)

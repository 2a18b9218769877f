"""What running tasks say of themselves, thinned out: the first word after a second, then at most one a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from penstock.errors import PenstockError
from penstock.worker.attempt import Attempt
from penstock.worker.outage import Outage

__all__ = ["report_progress"]

INTERVAL_SECONDS = 1.0
LOOK_SECONDS = 0.25


async def report_progress(
    running: Callable[[], Iterable[Attempt]], publish: Callable[[Attempt], Awaitable[None]], outage: Outage
) -> None:
    """Look over what runs, for ever. One timer for all: a task shorter than the interval never costs a thing."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        before = clock() - INTERVAL_SECONDS
        for attempt in [one for one in running() if one.news and one.told_at <= before]:
            if attempt not in running():  # it has ended while another was reported
                continue
            attempt.news, attempt.told_at = False, clock()
            try:
                await publish(attempt)
            except PenstockError as error:
                outage.failed("progress", attempt.envelope.queue, error)

"""`python -m cron_report.submit [DAY]` queues the report of a day, by default yesterday's: what cronjob.yaml runs.

The day is the key, so it may run as often as it likes. Only a report that failed is queued anew.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from cron_report.tasks import WEEK, Report, app, daily_report
from penstock import Handle

__all__ = ["main", "submit", "yesterday"]


async def submit(day: date) -> Handle[Report]:
    """The one report of the day: queued now, or the one that was before."""
    once = daily_report.options(key=f"daily-report-{day}", until="expired", key_ttl=WEEK)
    return await once.enqueue(day)


def yesterday() -> date:
    """The last day that is over, as cronjob.yaml's time zone has it."""
    return datetime.now(UTC).date() - timedelta(days=1)


async def _submitted(day: date) -> str:
    async with app:
        return (await submit(day)).id


def main(words: Sequence[str]) -> None:
    """Submit, and print the task's id."""
    day = date.fromisoformat(words[0]) if words else yesterday()
    print(f"report of {day}: {asyncio.run(_submitted(day))}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""A report of each day's orders. Penstock has no schedules yet, but Kubernetes has: cronjob.yaml submits the report
every night, and a pool that sleeps for the rest of the day makes it.

`sqlite3 orders.db 'CREATE TABLE orders (day TEXT, cents INTEGER)'`, then
`ORDERS=orders.db penstock dev cron_report.tasks:app`, and type `daily_report 2027-01-31`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from penstock import Depends, Penstock

__all__ = ["Report", "app", "daily_report", "orders"]

app = Penstock("cron-report")
WEEK = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Report:
    """What a day brought."""

    day: date
    orders: int
    revenue: Decimal


def orders() -> Iterator[sqlite3.Connection]:
    """The database of ORDERS. It is opened in one thread and asked in another, never by both at once."""
    with closing(sqlite3.connect(os.environ["ORDERS"], check_same_thread=False)) as database:
        yield database


@app.task(max_attempts=5, timeout=600, result_ttl=WEEK)
def daily_report(day: date, database: sqlite3.Connection = Depends(orders)) -> Report:
    """Add a day up."""
    sums = database.execute("SELECT count(*), coalesce(sum(cents), 0) FROM orders WHERE day = ?", (day.isoformat(),))
    count, cents = sums.fetchone()
    return Report(day, count, Decimal(cents) / 100)

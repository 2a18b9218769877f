"""A CSV file into a database, with progress that a user can watch, and with the lines that were wrong."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from penstock import Penstock, TaskContext

__all__ = ["Report", "app", "import_prices"]

app = Penstock("csv-import")
EVERY = 100  # lines between two words on progress


@dataclass
class Report:
    """What came of it."""

    imported: int = 0
    wrong: list[str] = field(default_factory=list)


@app.task(timeout=600)
def import_prices(file: Path, database: Path, context: TaskContext = TaskContext()) -> Report:
    """Import `sku,price` lines. A line that is wrong is told and left out; a second import changes nothing."""
    report, size = Report(), max(1, file.stat().st_size)
    with file.open(newline="") as lines, closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS prices (sku TEXT PRIMARY KEY, price TEXT NOT NULL)")
        for number, (sku, price) in enumerate(_rows(lines), 1):
            if context.cancelled:  # a thread has to ask; what was imported is rolled back
                raise InterruptedError(f"cancelled at line {number}")
            _import(connection, report, number, sku, price)
            if number % EVERY == 0:
                context.progress(min(99.0, 100 * number * len(f"{sku},{price}\n") / size), f"{number} lines")
    context.progress(100, f"{report.imported} imported, {len(report.wrong)} wrong")
    return report


def _rows(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    for row in csv.reader(lines):
        yield (row[0], row[1]) if len(row) == 2 else (",".join(row), "")


def _import(connection: sqlite3.Connection, report: Report, number: int, sku: str, price: str) -> None:
    try:
        value = Decimal(price)
    except InvalidOperation:
        report.wrong.append(f"line {number}: {price!r} is no price")
        return
    connection.execute("INSERT OR REPLACE INTO prices VALUES (?, ?)", (sku, str(value)))
    report.imported += 1

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from csv_import.tasks import Report, app, import_prices
from tests.waiting import wait_for

from penstock import TaskCancelled
from penstock.testing import Sandbox, worker


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return penstock_sandbox(app)


def rows(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        found: int = connection.execute("SELECT count(*) FROM prices").fetchone()[0]
    return found


async def test_what_is_right_is_imported_and_what_is_wrong_is_told(box: Sandbox, tmp_path: Path) -> None:
    file, database = tmp_path / "prices.csv", tmp_path / "shop.db"
    file.write_text("a,1.10\nb,dear\nc\nd,2\n")
    for _ in range(2):  # again changes nothing
        handle = await import_prices.enqueue(file, database)
        await box.drain()
        assert await handle.result() == Report(2, ["line 2: 'dear' is no price", "line 3: '' is no price"])
        assert rows(database) == 2


async def test_progress_is_told_and_a_cancelled_import_leaves_nothing(box: Sandbox, tmp_path: Path) -> None:
    file, database = tmp_path / "prices.csv", tmp_path / "shop.db"
    file.write_text("".join(f"sku-{number},{number}\n" for number in range(2_000_000)))
    async with worker(app):
        handle = await import_prices.enqueue(file, database)

        async def told() -> bool:
            return (await handle.status()).percent is not None

        await wait_for(told, "progress")
        await handle.cancel()
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=10)
    assert rows(database) == 0

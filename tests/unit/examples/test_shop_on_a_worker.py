"""The shop's tasks on a worker in this process, and the program that submits them."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from shop import submit, tasks, topics
from shop.thumbnails import Thumbnail
from shop.words import WordCount
from tests.waiting import wait_for

from penstock import Phase, TaskCancelled, TaskFailed
from penstock.testing import worker

# The app is the module's, and its memory:// stays with the event loop that it was first used on.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[None, None]:
    for name, colour in (("rose", "red"), ("lawn", "green")):
        Image.new("RGB", (400, 300), colour).save(tmp_path / f"{name}.png")
    monkeypatch.setenv("SHOP_PHOTOS", str(tmp_path))
    monkeypatch.setenv("PENSTOCK_URL", "memory://")
    async with tasks.app, worker(tasks.app):
        yield


async def test_the_names_that_the_manifests_use() -> None:
    assert tasks.app.queues == ["shop"]
    assert set(tasks.app.definitions) == {
        f"shop.{name}"
        for name in ("noop", "thumbnail", "word_statistics", "flaky_payment", "broken_import", "long_export")
    }


async def test_a_result_comes_back_as_what_it_was() -> None:
    made = await (await tasks.thumbnail.enqueue("rose", size=64)).result(timeout=10)
    assert isinstance(made, Thumbnail)
    assert (made.photo, made.width, made.height) == ("rose", 64, 48)
    await (await tasks.noop.enqueue()).result(timeout=10)


async def test_one_payment_takes_three_attempts() -> None:
    handle = await tasks.flaky_payment.enqueue(1001)
    assert await handle.result(timeout=20) == tasks.Receipt(1001, 3)
    assert (await handle.status()).attempts == 3


async def test_a_broken_import_ends_in_the_dead_letters() -> None:
    handle = await tasks.broken_import.enqueue("orders.csv")
    with pytest.raises(TaskFailed, match=r"ValueError: orders\.csv, line 7"):
        await handle.result(timeout=20)
    status = await handle.status()
    assert (status.phase, status.attempts) == (Phase.DEAD_LETTERED, 2)


async def test_a_long_export_can_be_cancelled() -> None:
    handle = await tasks.long_export.enqueue(600)

    async def is_running() -> bool:
        return (await handle.status()).phase is Phase.RUNNING

    await wait_for(is_running, "the export to run")
    assert await handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle.result(timeout=10)


async def test_the_submitting_program_finds_all_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert await submit.run()
    printed = capsys.readouterr().out
    assert "65 tasks submitted" in printed  # 2 photographs in 2 sizes, 60 topics, 1 import
    assert "65 of 65 done" in printed
    assert "4 thumbnails of 2 photographs" in printed
    assert "DeadLettered after 2 attempts, ValueError" in printed
    assert f"most frequent: {_most_frequent(5)}" in printed


async def test_the_submitting_program_notices_what_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "torn.png").write_bytes(b"no picture")
    assert not await submit.run()
    assert "FAILED" in capsys.readouterr().out


def _most_frequent(number: int) -> str:
    """Over the whole text, where the program has each topic's most frequent words only."""
    count = WordCount()
    for topic in topics.names()[: submit.TOPICS]:
        count.add(topics.text(topic) + "\n")
    ranking = count.statistics("all", number).top_words
    return ", ".join(f"{word} {times:,}" for word, times in ranking)

"""The shop's tasks as the plain functions that they still are."""

import base64
import io
import json
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest
from PIL import Image
from shop import album, tasks, thumbnails, topics
from shop.words import WordCount

from penstock import TaskContext


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph of noise, the worst that a JPEG encoder can meet, and two harmless ones."""
    noise = Random(1).randbytes(600 * 400 * 3)
    Image.frombytes("RGB", (600, 400), noise).save(tmp_path / "noise.png")
    Image.new("L", (300, 400), 200).save(tmp_path / "wall.png")
    Image.new("RGB", (50, 20), "green").save(tmp_path / "lawn.jpg")
    (tmp_path / "LICENCES.txt").write_text("ours")
    monkeypatch.setenv("SHOP_PHOTOS", str(tmp_path))
    return tmp_path


def test_the_album_lists_photographs_only() -> None:
    assert album.names() == ["lawn", "noise", "wall"]


@pytest.mark.parametrize("name", ["nobody", "../noise", "noise.png", "LICENCES", ""])
def test_only_listed_names_are_photographs(name: str) -> None:
    with pytest.raises(LookupError, match="there are lawn, noise, wall"):
        album.path(name)


def test_a_missing_folder_says_how_to_fill_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_PHOTOS", str(tmp_path / "none"))
    with pytest.raises(LookupError, match=r"fetch_photos\.py"):
        album.names()


@pytest.mark.parametrize(
    ("photo", "size", "expected"),
    [("noise", 128, (128, 85)), ("noise", 256, (256, 171)), ("wall", 128, (96, 128)), ("lawn", 128, (50, 20))],
)
def test_a_thumbnail_keeps_the_proportions_and_fits_into_a_status(
    photo: str, size: int, expected: tuple[int, int]
) -> None:
    made = tasks.thumbnail(photo, size)
    with Image.open(io.BytesIO(base64.b64decode(made.jpeg))) as image:
        assert image.format == "JPEG"
        assert image.size == (made.width, made.height) == expected
    assert made.bytes == len(base64.b64decode(made.jpeg))
    assert len(json.dumps(asdict(made))) < 13 * 1024


@pytest.mark.parametrize("size", [0, 15, 257, 4096])
def test_a_thumbnail_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="use 16 to 256 pixels"):
        thumbnails.shrink(album.path("wall"), size)


def test_a_thumbnail_tells_how_far_it_is() -> None:
    told: list[float | None] = []
    tasks.thumbnail("wall", ctx=TaskContext(_tell=lambda said: told.append(said.percent)))
    assert told == [10, 70, 100]


def test_words_are_counted_without_regard_to_case() -> None:
    count = WordCount()
    count.add("The cat, the CAT and the dog's lower-case __bed__ 42")
    count.add("don't")
    found = count.statistics("pets")
    assert (found.words, found.distinct_words, found.longest_word) == (10, 7, "lower-case")
    assert found.top_words == [
        ("the", 3), ("cat", 2), ("and", 1), ("bed", 1), ("dog's", 1), ("don't", 1), ("lower-case", 1)
    ]  # fmt: skip
    assert found.reading_seconds == 3


def test_a_text_without_words_has_statistics_too() -> None:
    assert WordCount().statistics("silence").longest_word == ""


async def test_the_language_reference_is_there() -> None:
    assert len(topics.names()) >= 70
    found = await tasks.word_statistics("lambda")
    assert found.words > 50
    assert len(found.top_words) == 10
    assert "lambda" in dict(found.top_words)
    assert len((await tasks.word_statistics("lambda", top=3)).top_words) == 3


async def test_an_unknown_topic_is_named() -> None:
    with pytest.raises(LookupError, match="no topic 'cobol'"):
        await tasks.word_statistics("cobol")


async def test_a_payment_goes_through_at_the_third_attempt() -> None:
    for attempt in (1, 2):
        with pytest.raises(ConnectionError, match="order 7"):
            await tasks.flaky_payment(7, TaskContext(attempt=attempt))
    assert await tasks.flaky_payment(7, TaskContext(attempt=3)) == tasks.Receipt(7, 3)


async def test_an_export_takes_its_time() -> None:
    told: list[float | None] = []
    assert await tasks.long_export(0.01, TaskContext(_tell=lambda said: told.append(said.percent))) == 1
    assert told == [100]

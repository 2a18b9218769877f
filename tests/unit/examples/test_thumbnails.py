"""The thumbnails example on real images, in real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from thumbnails.__main__ import main
from thumbnails.tasks import Thumbnail, app, images, submit, thumbnails

from penstock import Phase, TaskFailed
from penstock.testing import Sandbox

SIDEWAYS = 6  # Exif's word for a camera that was held upright
ORIENTATION = 0x0112


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return penstock_sandbox(app, eager=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A wide one, a tall one that says it lies on its side, one that is small already, and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.effect_noise((600, 400), 50).save(folder / "a-wide.png")
    exif = Image.Exif()
    exif[ORIENTATION] = SIDEWAYS
    Image.new("RGB", (400, 100), "green").save(folder / "b-tall.JPG", exif=exif)
    Image.new("RGBA", (20, 10)).save(folder / "c-tiny.webp")
    (folder / "notes.txt").write_text("no image")
    return folder


async def test_a_folder_is_made_small_in_one_go(box: Sandbox, photos: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    made = await thumbnails(photos, small)
    assert made == [
        Thumbnail(small / "a-wide.png", 128, 85),
        Thumbnail(small / "b-tall.JPG", 32, 128),
        Thumbnail(small / "c-tiny.webp", 20, 10),
    ]
    assert images(small) == sorted(small.iterdir()) == [one.file for one in made]
    for one in made:
        with Image.open(one.file) as image, Image.open(photos / one.file.name) as original:
            assert (image.size, image.format) == ((one.width, one.height), original.format)


async def test_a_broken_image_is_tried_once_and_spoils_no_other(box: Sandbox, photos: Path, tmp_path: Path) -> None:
    (photos / "a-torn.png").write_bytes(b"no image")
    torn, *others = await submit(photos, tmp_path / "small", size=64)
    with pytest.raises(TaskFailed, match="UnidentifiedImageError"):
        await app.gather([torn, *others])
    assert (await torn.status()).attempts == 1
    assert [await other.wait() for other in others] == [Phase.SUCCEEDED] * 3
    assert len(images(tmp_path / "small")) == 3


async def test_the_work_is_done_in_other_processes(
    box: Sandbox, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("thumbnails.tasks.Image")  # here; they have their own
    assert len(await thumbnails(photos, tmp_path / "small")) == 3


async def test_the_command_needs_no_redis(
    box: Sandbox, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await main(photos, tmp_path / "small")
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path}/small/a-wide.png  128 x 85"


async def test_an_empty_folder_has_no_thumbnails(box: Sandbox, tmp_path: Path) -> None:
    assert await thumbnails(tmp_path, tmp_path) == []

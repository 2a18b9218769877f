"""Thumbnails of a folder of images, on all cores: each is made in a process of its own, which is killed if it hangs.

`penstock dev thumbnails.tasks:app`, then type `thumbnail cat.jpg small/cat.jpg`. A whole folder at once:
`PENSTOCK_URL=memory:// python -m thumbnails PHOTOS SMALL`; with a Redis there, workers make them, as many at a time as
they have cores: `penstock worker thumbnails.tasks:app --concurrency $(nproc)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from penstock import Handle, Penstock

__all__ = ["Thumbnail", "app", "images", "thumbnail", "thumbnails"]

app = Penstock("thumbnails")
ENDINGS = {".gif", ".jpeg", ".jpg", ".png", ".webp"}


@dataclass(frozen=True)
class Thumbnail:
    """What was made."""

    file: Path
    width: int
    height: int


# What is no image never becomes one; a full disk may have room at the next attempt.
@app.task(run_in="process", timeout=60, give_up_on=(UnidentifiedImageError,))
def thumbnail(image: Path, file: Path, size: int = 128) -> Thumbnail:
    """Make `image` small enough for a square of `size` pixels, upright and in its own format."""
    with Image.open(image) as original:
        small = ImageOps.exif_transpose(original)
        small.thumbnail((size, size), Image.Resampling.LANCZOS)
        _save(small, file, original.format)
    return Thumbnail(file, small.width, small.height)


def _save(image: Image.Image, file: Path, format: str | None) -> None:
    """Under its name only when it is whole: a process may be killed at any time."""
    part = file.with_name(f"{file.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(part, format)
    part.replace(file)


def images(folder: Path) -> list[Path]:
    """The files that look like images, by their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS)


async def submit(folder: Path, into: Path, size: int = 128) -> list[Handle[Thumbnail]]:
    """A task for each image, all in few round trips."""
    return await app.enqueue_many(thumbnail.s(image, into / image.name, size) for image in images(folder))


async def thumbnails(folder: Path, into: Path, size: int = 128) -> list[Thumbnail]:
    """Of all images in a folder. One that is broken raises TaskFailed, when all others are made."""
    return await app.gather(await submit(folder, into, size))

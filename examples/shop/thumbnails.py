"""A photograph made small enough to be a task's result."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

__all__ = ["Thumbnail", "encode", "shrink"]

SMALLEST, LARGEST = 16, 256
# A Task's status takes 16 KiB of JSON. Base64 makes 4 bytes of 3, so this leaves a quarter of it free.
JPEG_BYTES = 9 * 1024
QUALITIES = (85, 75, 65, 50, 35, 20, 10)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The outcome; `jpeg` is base64, since results are JSON, and `bytes` its length before that."""

    photo: str
    width: int
    height: int
    bytes: int
    jpeg: str


def shrink(file: Path, size: int) -> Image.Image:
    """The photograph with its longer side at most `size` pixels."""
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size={size}: use {SMALLEST} to {LARGEST} pixels, so that it fits into a result")
    with Image.open(file) as photograph:
        image = photograph.convert("RGB")
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return image


def encode(photo: str, image: Image.Image) -> Thumbnail:
    """The image as JPEG, in the best quality that fits."""
    for quality in QUALITIES:
        jpeg = _jpeg(image, quality)
        if len(jpeg) <= JPEG_BYTES:
            text = base64.b64encode(jpeg).decode("ascii")
            return Thumbnail(photo, image.width, image.height, len(jpeg), text)
    raise ValueError(f"{photo}: no quality brings {image.width} x {image.height} below {JPEG_BYTES} bytes")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()

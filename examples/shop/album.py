"""The photographs that the shop has: files in a folder, known by their names without the ending."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["folder", "names", "path"]

ENDINGS = {".jpg", ".png"}


def folder() -> Path:
    """SHOP_PHOTOS, as the image sets it; else next to the code, where fetch_photos.py puts them."""
    return Path(os.environ.get("SHOP_PHOTOS") or Path(__file__).parent / "photos")


def names() -> list[str]:
    """All photographs, in alphabetical order."""
    return sorted(_files())


def path(name: str) -> Path:
    """The file of a photograph. Only names that the folder lists count, so no argument leads out of it."""
    files = _files()
    if name not in files:
        raise LookupError(f"no photograph {name!r} in {folder()}: there are {', '.join(sorted(files)) or 'none'}")
    return files[name]


def _files() -> dict[str, Path]:
    if not folder().is_dir():
        raise LookupError(f"no folder {folder()}: fill it with fetch_photos.py, or set SHOP_PHOTOS")
    return {file.stem: file for file in folder().iterdir() if file.suffix in ENDINGS}

"""Hashes over content, which name what was built from it."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_CHUNK = 1 << 20
_SHORT = 16


def of_parts(parts: Iterable[str | bytes]) -> str:
    """A short hash over parts; where one part ends and the next begins counts."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()[:_SHORT]


def of_files(root: Path, files: Iterable[Path]) -> str:
    """A short hash over files: their paths below root, whether they run, their content."""
    parts: list[str] = []
    for file in sorted(files):
        runs = "x" if file.stat().st_mode & 0o100 else "-"
        parts += [file.relative_to(root).as_posix(), runs, of_file(file)]
    return of_parts(parts)


def of_file(file: Path) -> str:
    """The whole SHA-256 of one file's content."""
    total = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()

"""Indexes in the compressed form of Kubernetes' Indexed Jobs: 1, 3, 4, 5 and 7 are "1,3-5,7". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["ELLIPSIS", "compressed", "expanded", "marked"]

ELLIPSIS = ",…"  # ends what would have been longer than it may be


def marked(items: bytes, mark: bytes) -> Iterator[int]:
    """The places at which `mark` stands, a byte."""
    return (found.start() for found in re.finditer(re.escape(mark), items))


def compressed(items: bytes, mark: bytes, limit: int) -> str:
    """The same places as text. At most `limit` characters: whole entries as far as they fit, then the ellipsis."""
    entries: list[str] = []
    length = -1  # there is one comma less than there are entries
    for found in re.finditer(re.escape(mark) + b"+", items):
        entries.append(_entry(found.start(), found.end() - 1))
        length += len(entries[-1]) + 1
        if length > limit:
            return _cut(entries, length, limit - len(ELLIPSIS))
    return ",".join(entries)


def _cut(entries: list[str], length: int, limit: int) -> str:
    while length > limit:
        length -= len(entries.pop()) + 1
    return ",".join(entries) + ELLIPSIS


def expanded(text: str) -> list[int]:
    """What `compressed` told, without what an ellipsis stands for."""
    found: list[int] = []
    for entry in filter(None, text.removesuffix(ELLIPSIS).split(",")):
        first, _, last = entry.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _entry(first: int, last: int) -> str:
    """Three or more in a row are compressed."""
    if last == first:
        return str(first)
    return f"{first}-{last}" if last > first + 1 else f"{first},{last}"

"""What Markdown pages show: their fences, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Fence", "fences", "in_language"]

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Fence:
    """A block of code, and the line that it begins after."""

    language: str
    text: str
    line: int


def fences(page: Path) -> list[Fence]:
    """All of a page's."""
    text = page.read_text()
    return [Fence(found[1], found[2], text.count("\n", 0, found.start(2))) for found in FENCE.finditer(text)]


def in_language(page: Path, language: str) -> list[Fence]:
    """Those in one language."""
    return [fence for fence in fences(page) if fence.language == language]

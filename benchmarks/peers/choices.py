"""What the benchmarks' commands take as values of their options."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

__all__ = ["SomeOf", "count"]


class SomeOf:
    """The names between commas, each known; in the order of the known ones."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def __call__(self, text: str) -> tuple[str, ...]:
        """Those that are asked for."""
        asked = {name.strip() for name in text.split(",")}
        if unknown := asked - set(self._known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: use some of {', '.join(self._known)}")
        return tuple(name for name in self._known if name in asked)


def count(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return number

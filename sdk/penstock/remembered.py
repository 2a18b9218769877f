"""Answers that are kept for each annotation."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

__all__ = ["by_annotation"]

R = TypeVar("R")
KEPT = 1024


def by_annotation(find: Callable[[object], R]) -> Callable[[object], R]:
    """The function with its last answers remembered; of an annotation that can't be hashed, none is."""
    known = lru_cache(maxsize=KEPT)(find)

    @wraps(find)
    def remembered(annotation: object) -> R:
        try:
            return known(annotation)
        except TypeError:  # it can't be hashed
            return find(annotation)

    return remembered

"""How fast many things were done: pure, from the moments of their ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Rate"]

MIDDLE = (0.2, 0.8)  # the part without start-up and without the last ones


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds, first to last; `steady` is the middle part's rate alone, per second."""

    count: int
    seconds: float
    steady: float

    @classmethod
    def of(cls, began: float, ends: Iterable[float]) -> Rate:
        """Of moments in seconds, in any order. Raises ValueError for none."""
        order = sorted(ends)
        if not order:
            raise ValueError("nothing has ended, so there is no rate")
        first, last = (round(share * (len(order) - 1)) for share in MIDDLE)
        return cls(len(order), order[-1] - began, _per_second(last - first, order[last] - order[first]))

    @property
    def per_second(self) -> float:
        """Over all of it."""
        return _per_second(self.count, self.seconds)


def _per_second(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0

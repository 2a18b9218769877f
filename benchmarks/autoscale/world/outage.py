"""Times at which the broker is away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Kind", "Outage", "until"]


class Kind(StrEnum):
    """Who is without it."""

    ALL = "all"  # nobody can send, claim, settle or look
    SCALERS = "scalers"  # only whoever scales can't look


@dataclass(frozen=True, slots=True)
class Outage:
    """From `start`, for so many seconds."""

    start: float
    seconds: float
    kind: Kind = Kind.ALL

    @property
    def end(self) -> float:
        """The moment at which it is over."""
        return self.start + self.seconds


def until(outages: Iterable[Outage], now: float, *kinds: Kind) -> float:
    """When the outage of one of these kinds that goes on now is over; `now` if there is none."""
    return max(
        (outage.end for outage in outages if outage.kind in kinds and outage.start <= now < outage.end), default=now
    )

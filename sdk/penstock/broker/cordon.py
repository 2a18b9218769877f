"""What keeps a worker from claiming for a time, as data: it is to go, and shall have nothing to do then."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Cordon"]


class Cordon(Struct, frozen=True):
    """A worker claims nothing before `until`, by the broker's clock, which said `now` when this was told."""

    until: float
    now: float

    @property
    def seconds(self) -> float:
        """How long it lasts from then on."""
        return max(0.0, self.until - self.now)

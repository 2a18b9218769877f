"""What every scaler is."""

from __future__ import annotations

from typing import Protocol

from benchmarks.autoscale.world.world import World

__all__ = ["Scaler"]


class Scaler(Protocol):
    """Made for one run."""

    def begin(self, world: World) -> None:
        """Put its loops on the world's agenda. From then on it sees what a broker's reading and a Deployment show, and
        acts on the Deployment alone."""

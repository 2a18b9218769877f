"""How long it takes from a pod's creation to its first claim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

__all__ = ["USUAL", "Images", "Startup"]


@dataclass(frozen=True, slots=True)
class Startup:
    """Scheduling, container and process together are lognormal around `median`. `pull`: the shortest and the longest
    time for which a node fetches the image, once; None: every node has it."""

    median: float = 5.0
    sigma: float = 0.25
    pull: tuple[float, float] | None = None
    nodes: int = 6

    def seconds(self, dice: Random) -> float:
        """Of one pod whose image is there."""
        return dice.lognormvariate(math.log(self.median), self.sigma)


USUAL = Startup()


class Images:
    """Which nodes have the image from when on. Pods that come to a node while it pulls wait for the same pull."""

    def __init__(self, startup: Startup, dice: Random) -> None:
        self._startup, self._dice = startup, dice
        self._there: dict[int, float] = {}

    def there(self, node: int, now: float) -> float:
        """The moment from which the node has it; a pull begins now where none has yet."""
        if node not in self._there:
            pull = self._startup.pull
            self._there[node] = now + (self._dice.uniform(*pull) if pull else 0.0)
        return max(now, self._there[node])

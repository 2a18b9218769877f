"""One worker."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Pod"]


class Pod:
    """`ready`: the moment of its first claim. `resting`: told to claim no more. `terminating`: it has its SIGTERM.
    `gone`: the moment of its end. Moments are `inf` while they haven't come. `cost`: of its deletion. `emptied` is
    called when it has ended the last task that it ran."""

    __slots__ = (
        "cost",
        "created",
        "emptied",
        "gone",
        "image",
        "listed",
        "node",
        "number",
        "places",
        "ready",
        "resting",
        "running",
        "terminating",
    )

    def __init__(self, number: int, node: int, places: int, created: float, image: float) -> None:
        self.number = number
        self.node = node
        self.places = places
        self.created = created
        self.image = image
        self.ready = math.inf
        self.resting = False
        self.cost = 1
        self.terminating = math.inf
        self.gone = math.inf
        self.running: set[int] = set()
        self.listed = False  # among those with free places
        self.emptied: Callable[[], None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it has begun to work; what it does now is another matter."""
        return self.ready < math.inf

    @property
    def is_active(self) -> bool:
        """Whether its ReplicaSet still counts it."""
        return self.terminating == math.inf

    @property
    def may_claim(self) -> bool:
        """Whether it takes a task now, if there is one."""
        return self.ready < math.inf and not self.resting and self.is_active and len(self.running) < self.places

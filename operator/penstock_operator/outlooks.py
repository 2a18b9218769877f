"""The outlook of those who wait in a queue: gathered from pools and TaskQueues, and kept until one of these changes."""

from __future__ import annotations

from penstock_operator.admission.prospects import TURN, Outlook, Prospect, prospect
from penstock_operator.api import Key
from penstock_operator.pools.controller import Pools
from penstock_operator.queues import Queues

__all__ = ["Outlooks"]

KEPT = 10_000


class Outlooks:
    """Of all queues. Thousands of Tasks may ask for the same."""

    def __init__(self, queues: Queues, pools: Pools, *, blind: bool) -> None:
        """`blind`: the pools are another operator's."""
        self._queues = queues
        self._pools = pools
        self._blind = blind
        self._kept: dict[Key, Prospect] = {}

    def of(self, namespace: str, queue: str) -> Prospect:
        """What a Task that waits there is told."""
        found = self._kept.get((namespace, queue))
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            found = self._kept[namespace, queue] = self._found(namespace, queue)
        return found

    def changed(self, namespace: str) -> None:
        """Something of that namespace did."""
        for key in [key for key in self._kept if key[0] == namespace]:
            del self._kept[key]

    def _found(self, namespace: str, queue: str) -> Prospect:
        paused = self._queues.paused(namespace, queue)
        if self._blind and not paused:
            return TURN
        served, trouble = self._pools.serving(namespace, queue)
        names = self._queues.keys() | self._pools.queues() if not served else ()
        known = [name for space, name in names if space == namespace]
        return prospect(queue, Outlook(paused, served, trouble, known))

"""Cancellations that overtake their tasks: told while the claim was still on its way here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from penstock.broker import Broker
from penstock.broker.messages import Claimer, Lease, Renewal
from penstock.errors import PenstockError

__all__ = ["Recalls"]

REMEMBERED = 256


@dataclass(eq=False)
class Recalls:
    """One worker's. `changed` hears of leases that are not simply held."""

    broker: Broker
    claimer: Claimer
    changed: Callable[[Lease, Renewal], None]
    _told: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    def told(self, id: str) -> None:
        """Somebody cancelled a task that doesn't run here, or not yet."""
        self._told.append(id)

    def check(self, lease: Lease) -> None:
        """A task starts. If it was cancelled a moment ago, perhaps this start of it was meant: ask."""
        if self._told and lease.id in self._told:
            self._asking.add(task := asyncio.create_task(self._ask(lease)))
            task.add_done_callback(self._asking.discard)

    async def _ask(self, lease: Lease) -> None:
        with suppress(PenstockError):
            [renewal] = await asyncio.to_thread(self.broker.renew, [lease], self.claimer)
            if renewal is not Renewal.HELD:
                self.changed(lease, renewal)

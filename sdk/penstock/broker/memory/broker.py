"""The broker in this process's memory: the same contract as Redis Streams, for tests and `penstock dev`.

It is private to one app object, or to the brokers that were made `within` each other. Each method is one step of the
event loop, which is its atomicity.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock.broker.memory.batching import MemoryBatching
from penstock.broker.memory.linking import MemoryLinking
from penstock.broker.memory.memories import Memories
from penstock.broker.memory.sending import MemorySubmitting
from penstock.broker.memory.steering import MemorySteering
from penstock.broker.memory.working import MemoryWorking

__all__ = ["MemoryBroker"]


class MemoryBroker(MemorySubmitting, MemoryWorking, MemoryLinking, MemoryBatching, MemorySteering):
    """One namespace's queues in memory. See Broker for what each method promises."""

    def __init__(
        self, namespace: str, *, clock: Callable[[], float] = time.time, memories: Memories | None = None
    ) -> None:
        self.namespace = namespace
        self._memories = memories or Memories(clock)
        self._memory = self._memories.of(namespace)

    def within(self, namespace: str) -> MemoryBroker:
        """See Broker."""
        return MemoryBroker(namespace, memories=self._memories)

    async def check(self) -> None:
        """See Broker."""

    async def ping(self) -> None:
        """See Broker."""

    async def close(self) -> None:
        """See Broker."""

"""The broker on Redis Streams. What each call promises stands in the protocol; how it is kept, in `lua/`."""

from __future__ import annotations

from penstock.broker.streams.batching import StreamsBatching
from penstock.broker.streams.linking import StreamsLinking
from penstock.broker.streams.steering import StreamsSteering
from penstock.broker.streams.submitting import StreamsSubmitting
from penstock.broker.streams.working import StreamsWorking

__all__ = ["StreamsBroker"]


class StreamsBroker(StreamsSubmitting, StreamsWorking, StreamsLinking, StreamsBatching, StreamsSteering):
    """One namespace's queues on one Redis."""

    def within(self, namespace: str) -> StreamsBroker:
        """See Broker."""
        return self._shared_with(namespace)

    async def check(self) -> None:
        """See Broker."""
        await self._redis.check()

    async def ping(self) -> None:
        """See Broker."""
        await self._redis.command("PING")

    async def close(self) -> None:
        """See Broker."""
        if self._owns:
            await self._channels.close()
            await self._redis.close()
            self._renewals.close()

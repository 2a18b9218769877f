"""What an attempt keeps for the next: written to the broker at once, under its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from penstock import codec as values
from penstock import sealing
from penstock.broker import Broker
from penstock.broker.messages import Begun
from penstock.errors import ConfigurationError, SubmissionError
from penstock.sealing import PayloadCodec

__all__ = ["Checkpoints"]

MOST_BYTES = 65_536
SYNC_SECONDS = 30.0  # a thread's patience


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """One attempt's."""

    broker: Broker
    begun: Begun
    loop: asyncio.AbstractEventLoop
    beat: Callable[[], None]
    sealed: str = ""  # by which codec its arguments were
    codec: PayloadCodec | None = None

    @property
    def saved(self) -> object:
        """What the last attempts have kept; None: nothing."""
        data = self.begun.checkpoint
        return msgspec.json.decode(sealing.opened(data, self.sealed, self.codec)) if data else None

    async def keep(self, state: object) -> None:
        """See TaskContext."""
        self.beat()
        data, lease = values.encode_value(state), self.begun.lease
        if len(data) > MOST_BYTES:
            raise ConfigurationError(f"a checkpoint of {len(data)} bytes: keep less than {MOST_BYTES}, such as a place")
        data = sealing.sealed(data, self.codec if self.sealed else None)
        if not await self.broker.checkpoint(lease, data):
            raise SubmissionError(f"{lease.id}: its lease was lost, and this attempt keeps nothing any more")

    def keep_sync(self, state: object) -> None:
        """The same from another thread."""
        asyncio.run_coroutine_threadsafe(self.keep(state), self.loop).result(SYNC_SECONDS)

"""Redis' publish/subscribe: outcomes that are waited for, and what workers are told.

Messages may be missed (a reconnect, a full buffer), so every use of them has a slower way that can't:
a waiter looks again every few seconds, a lease's renewal tells of cancellations.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

from penstock.broker.streams.connection import Connection
from penstock.stopping import stopped

__all__ = ["Channels"]

LOOK_AGAIN_SECONDS = 5.0


class _Waiter:
    """One who waits for one id."""

    def __init__(self) -> None:
        self._heard = asyncio.Event()
        self._payload: bytes | None = None

    def tell(self, payload: bytes | None) -> None:
        self._payload = payload
        self._heard.set()

    async def announced(self) -> bytes | None:
        """What was published with the id (b"" if nothing), or None when it is just time to look again."""
        if not await _within(self._heard):
            return None
        self._heard.clear()
        return self._payload


class Channels:
    """One subscription serves all who wait in this process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Channel and id → who waits. Namespaces share this, and an id may be known in several.
        self._waiting: defaultdict[tuple[str, bytes], set[_Waiter]] = defaultdict(set)
        self._confirmed: dict[str, asyncio.Event] = {}  # channel → set once Redis has confirmed it
        self._outcomes = connection.subscription()
        self._pump: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self, channel: str, id: str) -> AsyncGenerator[Callable[[], Awaitable[bytes | None]], None]:
        """Listen for `id` on `channel`, whose messages are "ID" or "ID\\nPAYLOAD". Yields what waits for one and
        returns its payload, or None when it is time to look again."""
        key, waiter = (channel, id.encode()), _Waiter()
        self._waiting[key].add(waiter)
        try:
            await self._subscribe(channel)
            yield waiter.announced
        finally:
            self._waiting[key].discard(waiter)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _subscribe(self, channel: str) -> None:
        """Return once Redis has confirmed; an outcome that is announced earlier would be missed."""
        if channel not in self._confirmed:
            self._confirmed[channel] = asyncio.Event()
            await self._outcomes.add(channel)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._deliver(), name="penstock-outcomes")
        if not self._confirmed[channel].is_set():
            await _within(self._confirmed[channel])

    async def _deliver(self) -> None:
        async with aclosing(self._outcomes.messages()) as messages:
            async for kind, channel, data in messages:
                if kind == "subscribe":
                    self._confirm(channel)
                else:
                    id, _, payload = data.partition(b"\n")
                    for waiter in self._waiting.get((channel, id), ()):
                        waiter.tell(payload)

    def _confirm(self, channel: str) -> None:
        if self._confirmed[channel].is_set():  # a new connection: what was announced in between was missed
            for waiters in self._waiting.values():
                for waiter in waiters:
                    waiter.tell(None)
        self._confirmed[channel].set()

    async def messages(self, channels: Sequence[str]) -> AsyncGenerator[str, None]:
        """What is published on `channels`, on a subscription of its own, until the iteration is closed."""
        subscription = self._connection.subscription()
        await subscription.add(*channels)
        async with aclosing(subscription.messages()) as messages:
            async for kind, _, data in messages:
                if kind == "message":
                    yield data.decode(errors="replace")

    async def stirring(self, pattern: str) -> AsyncGenerator[str, None]:
        """The channels that fit the pattern, one whenever something is published there."""
        subscription = self._connection.subscription(patterns=True)
        await subscription.add(pattern)
        async with aclosing(subscription.messages()) as messages:
            async for kind, channel, _ in messages:
                if kind == "message":
                    yield channel

    async def close(self) -> None:
        """End the subscription and whoever delivers from it."""
        if self._pump is not None:
            await stopped(self._pump)


async def _within(event: asyncio.Event) -> bool:
    """Whether it is set before it is time to look again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_AGAIN_SECONDS):
            return await event.wait()
    return False

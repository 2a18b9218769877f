"""Redis' publish/subscribe: outcomes that are waited for, and cancellations.

Messages may be missed (a reconnect, a full buffer), so every use of them has a slower way that can't:
a waiter looks again every few seconds, a lease's renewal tells of cancellations.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

from redis.exceptions import RedisError

from penstock.broker.streams.connection import Connection, Subscription
from penstock.stopping import stopped

__all__ = ["Channels"]

LOOK_AGAIN_SECONDS = 5.0
RECONNECT_SECONDS = 0.5


class Channels:
    """One subscription serves all who wait in this process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # id → who waits
        self._subscribed: dict[str, asyncio.Event] = {}  # channel → set once Redis has confirmed it
        self._outcomes = connection.subscription()
        self._pump: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self, channel: str, id: str) -> AsyncGenerator[Callable[[], Awaitable[None]], None]:
        """Listen for `id` on `channel`. Yields what returns when it was heard, or when it is time to look again."""
        heard = asyncio.Event()
        self._waiting[id].add(heard)

        async def announced() -> None:
            await _within(heard)
            heard.clear()

        try:
            await self._subscribe(channel)
            yield announced
        finally:
            self._waiting[id].discard(heard)
            if not self._waiting[id]:
                del self._waiting[id]

    async def _subscribe(self, channel: str) -> None:
        """Return once Redis has confirmed; an outcome that is announced earlier would be missed."""
        if channel not in self._subscribed:
            self._subscribed[channel] = asyncio.Event()
            with suppress(RedisError, OSError):
                await self._outcomes.subscribe(channel)
        if self._pump is None:
            self._pump = asyncio.create_task(self._deliver(), name="penstock-outcomes")
        await _within(self._subscribed[channel])

    async def _deliver(self) -> None:
        async for kind, channel, id in _listen(self._outcomes):
            if kind == "subscribe":
                self._subscribed[channel].set()
            for heard in self._waiting.get(id, ()):
                heard.set()

    async def messages(self, channels: Sequence[str]) -> AsyncGenerator[str, None]:
        """What is published on `channels`, on a subscription of its own, until the iteration is closed."""
        subscription = self._connection.subscription()
        try:
            with suppress(RedisError, OSError):  # a reconnect subscribes again
                await subscription.subscribe(*channels)
            async with aclosing(_listen(subscription)) as messages:
                async for kind, _, data in messages:
                    if kind == "message":
                        yield data
        finally:
            await subscription.aclose()

    async def close(self) -> None:
        """End the subscription and whoever delivers from it."""
        if self._pump is not None:
            await stopped(self._pump)
        await self._outcomes.aclose()


async def _within(event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_AGAIN_SECONDS):
            await event.wait()


async def _listen(subscription: Subscription) -> AsyncGenerator[tuple[str, str, str], None]:
    """(kind, channel, data) for ever; a lost connection is made anew, with its subscriptions."""
    while True:
        try:
            message = await subscription.get_message(timeout=LOOK_AGAIN_SECONDS)
        except (RedisError, OSError):
            await asyncio.sleep(RECONNECT_SECONDS)
            continue
        if message is not None:
            data = message["data"]
            yield message["type"], message["channel"].decode(), data.decode() if isinstance(data, bytes) else ""

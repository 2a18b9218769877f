"""The connection to Redis: commands out, replies or our errors back. The only place that builds a redis client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import cast

import redis
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from penstock.broker.streams.library import Command, fcall, library_source, missing_library
from penstock.errors import ConfigurationError, NotConnected, SubmissionError

__all__ = ["BlockingConnection", "Connection", "Reply", "Subscription"]

Reply = object
Subscription = aioredis.client.PubSub
CONNECT_SECONDS = 5.0
# Longer than any blocking read (BLOCK ≥ socket_timeout would time out on its own).
REPLY_SECONDS = 15.0
POOL_SIZE = 256
CLOSE_SECONDS = 2.0


def _refused(url: str, error: Exception) -> SubmissionError:
    """Our error for theirs, without the password that a URL may hold."""
    where = url.rsplit("@", 1)[-1]
    if isinstance(error, ResponseError):
        return SubmissionError(f"Redis at {where} refused: {error}")
    return NotConnected(f"can't reach Redis at {where}: {error}; check PENSTOCK_URL and that it is up")


class Connection:
    """Redis by commands. Nothing is repeated in silence: a repeated XADD would be a second task."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            # RESP2 and no callbacks: replies are plain lists, whatever the library's version makes of RESP3.
            self._redis = aioredis.Redis.from_url(
                url,
                protocol=2,
                retry=AsyncRetry(NoBackoff(), 0),
                max_connections=POOL_SIZE,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=REPLY_SECONDS,
            )
        except ValueError as error:
            raise ConfigurationError(f"broker URL {url.rsplit('@', 1)[-1]!r}: {error}") from error
        self._redis.response_callbacks.clear()
        self._loading = asyncio.Lock()
        self._under_way: set[asyncio.Task[Reply]] = set()

    async def command(self, *command: str | bytes | int | float) -> Reply:
        """One command's reply."""
        try:
            # redis-py's stubs type this call as returning Any; it is a reply like any other.
            return await self._whole(cast("Awaitable[Reply]", self._redis.execute_command(*command)))
        except (RedisError, OSError) as error:
            raise _refused(self.url, error) from error

    async def commands(self, commands: Sequence[Command]) -> list[Reply]:
        """Replies to commands sent together. A refused one's place holds its SubmissionError."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.response_callbacks = {}
        for command in commands:
            pipeline.execute_command(*command)
        try:
            replies = cast("list[Reply]", await self._whole(pipeline.execute(raise_on_error=False)))
        except (RedisError, OSError) as error:
            raise _refused(self.url, error) from error
        return [_refused(self.url, reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def call(self, function: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]) -> Reply:
        """A function of the library, which is loaded first where Redis hasn't got it."""
        try:
            return await self.command(*fcall(function, keys, args))
        except SubmissionError as error:
            if not missing_library(error):
                raise
        async with self._loading:
            await self.command("FUNCTION", "LOAD", "REPLACE", library_source())
        return await self.command(*fcall(function, keys, args))

    async def _whole(self, work: Awaitable[Reply]) -> Reply:
        """See a command through, even if its caller is cancelled: redis-py would lose the connection from its pool,
        which runs dry after some hundred cancellations (seen with 8.1)."""
        task = asyncio.ensure_future(_reply(work))
        self._under_way.add(task)
        task.add_done_callback(self._seen_through)
        return await asyncio.shield(task)

    def _seen_through(self, task: asyncio.Task[Reply]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; nobody else needs to hear of it

    def subscription(self) -> Subscription:
        """A subscriber on a connection of its own."""
        return self._redis.pubsub()

    async def close(self) -> None:
        """Close every connection, once the commands under way have ended."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSE_SECONDS)
        await self._redis.aclose(close_connection_pool=True)


async def _reply(work: Awaitable[Reply]) -> Reply:
    return await work


class BlockingConnection:
    """The same for one thread, which renews leases while the event loop may be busy."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = redis.Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=CONNECT_SECONDS,
        )

    def call(self, function: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]) -> Reply:
        """A function of the library, which is there: a task that holds a lease was claimed by it."""
        try:
            return cast("Reply", self._redis.execute_command(*fcall(function, keys, args)))
        except (RedisError, OSError) as error:
            raise _refused(self._url, error) from error

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

"""A subscription to channels that outlives its connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, cast

from penstock.broker.streams.line import FAILURES, Line
from penstock.errors import PenstockError

__all__ = ["Message", "Subscription"]

log = logging.getLogger("penstock")
SILENCE_SECONDS = 5.0  # then the other end is asked whether it is still there
RECONNECT_SECONDS = 0.5


class Message(NamedTuple):
    """What came in on a channel. `kind` is "message", or "subscribe" when Redis has confirmed the subscription, to the
    pattern where it is one to patterns."""

    kind: str
    channel: str
    payload: bytes


class Subscription:
    """Messages may be missed while there is no connection; every new one begins with its confirmations."""

    def __init__(self, open: Callable[[], Awaitable[Line]], *, patterns: bool = False) -> None:
        """`patterns`: it is to patterns of channels."""
        self._open = open
        self._verb = "PSUBSCRIBE" if patterns else "SUBSCRIBE"
        self._channels: list[str] = []
        self._line: Line | None = None
        self._told = False  # of an outage, until something comes in again

    async def add(self, *channels: str) -> None:
        """Listen to these as well. Returns before it is confirmed."""
        self._channels += channels
        # Asked of a connection that is closed, redis-py would make a new one.
        if self._line is not None and self._line.is_connected:
            with suppress(*FAILURES):  # the next connection subscribes to all
                await self._line.send_command(self._verb, *channels)

    async def messages(self) -> AsyncGenerator[Message, None]:
        """What comes in, for ever."""
        try:
            while True:
                try:
                    line = await self._connect()
                    while True:
                        yield await self._next(line)
                except (*FAILURES, PenstockError) as error:
                    self._tell(error)
                await self._disconnect()
                await asyncio.sleep(RECONNECT_SECONDS)
        finally:
            await self._disconnect()

    async def _connect(self) -> Line:
        line = self._line = await self._open()
        await line.send_command(self._verb, *self._channels)
        return line

    async def _next(self, line: Line) -> Message:
        asked = False
        while True:
            parts = cast("list[bytes] | None", await line.read_response(timeout=SILENCE_SECONDS))
            if parts is None:
                if asked:
                    raise ConnectionError(f"it has been silent for {2 * SILENCE_SECONDS:g} s")
                await line.send_command("PING")
            elif (message := _message(parts)) is not None:
                self._told = False
                return message
            asked = parts is None

    def _tell(self, error: Exception) -> None:
        if not self._told:
            log.info("lost the subscription to %s, trying again: %s", ", ".join(self._channels), error)
        self._told = True

    async def _disconnect(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.disconnect(nowait=True)


def _message(parts: list[bytes]) -> Message | None:
    match parts:
        case [b"message", channel, payload] | [b"pmessage", _, channel, payload]:
            return Message("message", channel.decode(), payload)
        case [b"subscribe" | b"psubscribe", channel, _]:
            return Message("subscribe", channel.decode(), b"")
        case _:
            return None

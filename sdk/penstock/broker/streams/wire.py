"""Many commands on one connection at a time.

Commands are written as they come, and replies are handed out in the commands' order. So nobody owns the connection
while he waits: a caller who is cancelled just isn't there any more when his reply comes, and no connection is lost by
it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from hiredis import pack_command
from redis.exceptions import InvalidResponse, ResponseError

from penstock.broker.streams.library import Command
from penstock.broker.streams.line import Line, write

__all__ = ["Reply", "Wire", "packed"]

Reply = object
# hiredis' stub allows commands of one part only.
packed = cast("Callable[[Command], bytes]", pack_command)
TICKS = 15
FINISH_SECONDS = 2.0


class Wire:
    """A connection and the commands under way on it.

    A reply may be an error: a ResponseError is Redis' answer to that command; any other tells that the connection was
    lost before the answer came, and nobody knows whether the command was executed.
    """

    def __init__(self, line: Line, patience: float) -> None:
        """`patience`: seconds for a reply."""
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._patience = patience
        self._expected: deque[asyncio.Future[Reply]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._watched: asyncio.Future[Reply] | None = None
        self._waited = 0  # ticks that the watched reply has been waited for
        self.lost: Exception | None = None  # why it is of no use any more
        self._closing: asyncio.Task[None] | None = None
        self._reading = self._loop.create_task(self._read(), name="penstock-wire")

    @property
    def idle(self) -> bool:
        """Whether it could be used and isn't."""
        return not self._expected and self.lost is None

    def send(self, commands: Sequence[bytes]) -> list[asyncio.Future[Reply]]:
        """Where the replies to packed commands will be. They come (or an error does) even if nobody waits for them."""
        replies: list[asyncio.Future[Reply]] = [self._loop.create_future() for _ in commands]
        if self.lost is not None:
            for reply in replies:
                reply.set_result(self.lost)
            return replies
        self._expected += replies
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._patience / TICKS, self._tick)
        try:
            # At once, before anything else has its turn: Redis shall work while this process runs what it has claimed.
            write(self._line, commands[0] if len(commands) == 1 else b"".join(commands))
        except Exception as error:
            self.close(error)
        return replies

    async def _read(self) -> None:
        try:
            while True:
                reply = await self._reply()
                if not self._expected:
                    raise InvalidResponse(f"an answer that nobody asked for: {reply!r}")
                waiter = self._expected.popleft()
                if not waiter.done():
                    waiter.set_result(reply)
        except asyncio.CancelledError:
            self.close(ConnectionError("its reader was cancelled"))
            raise
        except Exception as error:  # whatever it was: what comes next can't be told apart any more
            self.close(error)

    async def _reply(self) -> Reply:
        try:
            # redis-py's stubs type this call as returning Any; it is a reply like any other.
            reply: Reply = await self._line.read_response()
        except ResponseError as error:
            return error
        return reply

    def _tick(self) -> None:
        """Give up on a reply that is long overdue. Ticks are counted, not seconds: while something else holds up the
        event loop, replies that have come can't be read, and that isn't Redis' fault."""
        self._alarm = None
        if not self._expected:
            return
        self._waited = self._waited + 1 if self._expected[0] is self._watched else 0
        self._watched = self._expected[0]
        if self._waited >= TICKS:
            self.close(TimeoutError(f"no answer within {self._patience:g} s"))
        else:
            self._alarm = self._loop.call_later(self._patience / TICKS, self._tick)

    def close(self, reason: Exception) -> None:
        """End it; the commands under way get `reason` for a reply, which mustn't look like Redis' answer to them."""
        if self.lost is not None:
            return
        self.lost = reason
        if self._line.is_connected:
            self._closing = self._loop.create_task(self._line.disconnect(nowait=True))
        self._reading.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        for waiter in self._expected:
            if not waiter.done():
                waiter.set_result(reason)
        self._expected.clear()

    async def finish(self) -> None:
        """Close it when the commands under way have ended, or soon. Returns when nothing is left of it."""
        if not self.idle:
            await asyncio.wait(self.send([packed(("PING",))]), timeout=FINISH_SECONDS)  # its reply is the last one
        self.close(ConnectionError("it was closed here"))
        await asyncio.wait({task for task in (self._reading, self._closing) if task is not None})

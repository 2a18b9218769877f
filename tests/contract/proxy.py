"""A TCP proxy in front of a server that can cut connections or swallow what passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

__all__ = ["Proxy", "proxied"]


class Proxy:
    """`cut_after`: reset a connection once so many more bytes of replies have passed. `loses`: so many connections are
    reset instead of passing their next reply. `deaf`: what comes in goes nowhere, as does everything after it on the
    same connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.cut_after: int | None = None
        self.loses = 0
        self.deaf = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def connections(self) -> int:
        return len(self._writers) // 2

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {back, forth}
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(client, forth, replies=False))
                ways.create_task(self._pass(server, back, replies=True))
        except* OSError:
            pass
        finally:
            self._writers -= {back, forth}
            for writer in (back, forth):
                writer.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, replies: bool) -> None:
        lost = False
        while data := await source.read(65536):
            if self.deaf:
                lost = True
            if lost:  # for good: a stream with a gap in it isn't one that TCP would deliver
                continue
            if replies and self.loses:
                self.loses -= 1
                break
            if replies and self.cut_after is not None:
                data, self.cut_after = data[: self.cut_after], self.cut_after - len(data)
            sink.write(data)
            await sink.drain()
            if replies and self.cut_after is not None and self.cut_after <= 0:
                self.cut_after = None
                break
        raise ConnectionResetError

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def proxied(target: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of the loopback."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await server.wait_closed()

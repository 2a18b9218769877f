"""As much HTTP as probes need, without a library that would take longer to import than the rest of a worker: GET and
HEAD, one request a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from penstock.errors import ConfigurationError
from penstock.listening import listener

__all__ = ["Answer", "Server", "status_of"]

REQUEST_SECONDS = 5.0
CLOSE_SECONDS = 0.5  # for answers under way at the end
REQUEST_BYTES = 16_384
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = TEXT

    @classmethod
    def text(cls, status: HTTPStatus, said: str) -> Answer:
        """A line of text."""
        return cls(status, said.encode())

    def sent(self, *, body: bool) -> bytes:
        """As it goes over the wire; `body`: not only its head."""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode("latin-1") + (self.body if body else b"")


Page = Callable[[], Awaitable[Answer]]


class Server:
    """Answers with `pages`, by path, on all addresses of this host."""

    def __init__(self, port: int, pages: Mapping[str, Page]) -> None:
        self._port = port
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises ConfigurationError where the port can't be had."""
        try:
            self._server = await asyncio.start_server(self._connected, sock=listener(self._port), limit=REQUEST_BYTES)
        except OSError as error:
            raise ConfigurationError(
                f"port {self._port} for probes: {error}; choose another by --port or PENSTOCK_HEALTH_PORT"
            ) from error

    async def close(self) -> None:
        """Listen no more; what is being answered is dropped."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=CLOSE_SECONDS)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):  # it went away, or we do
                async with asyncio.timeout(REQUEST_SECONDS):
                    writer.write(await self._answered(reader))
                    await writer.drain()
        finally:
            self._open.discard(task)
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader) -> bytes:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE).sent(body=True)
        method, _, rest = request.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        if method not in (b"GET", b"HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED).sent(body=True)
        page = self._pages.get(path)
        answer = Answer(HTTPStatus.NOT_FOUND) if page is None else await page()
        return answer.sent(body=method == b"GET")


async def status_of(host: str, port: int, path: str) -> int:
    """The status that a server answers with. Raises OSError, or ValueError for what isn't HTTP."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        _, status, *_ = (await reader.readline()).split(b" ", 2)
        return int(status)
    finally:
        writer.close()

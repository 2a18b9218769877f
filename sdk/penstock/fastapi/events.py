"""How a task stands, as JSON and as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from penstock.errors import PenstockError
from penstock.handle import Handle, TaskStatus
from penstock.stopping import stopped

__all__ = ["Events", "shown"]

_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # proxies would hold events back


class Events(StreamingResponse):
    """A `status` event whenever the status changes, until the task has ended; an `error` event where it can't be
    followed any more. It ends when its client leaves, even if the task says nothing for hours."""

    def __init__(self, handle: Handle[Any]) -> None:
        self._told = _told(handle)
        super().__init__(self._told, media_type="text/event-stream", headers=_UNBUFFERED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        sending = asyncio.create_task(self.stream_response(send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stopped(*(task for task in (sending, leaving) if not task.done()))
            await self._told.aclose()
        if sending.done() and not sending.cancelled() and not isinstance(sending.exception(), OSError):
            sending.result()  # an OSError says that the client has gone


async def _told(handle: Handle[Any]) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(handle.stream()) as stream:
            async for now in stream:
                yield _event("status", shown(handle.id, now))
    except PenstockError as error:
        yield _event("error", {"id": handle.id, "error": {"type": type(error).__name__, "message": str(error)}})


def _event(kind: str, data: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def shown(id: str, now: TaskStatus) -> dict[str, Any]:
    """A status as JSON."""
    found: dict[str, Any] = {"id": id, "phase": now.phase, "attempts": now.attempts}
    if now.percent is not None or now.message or now.data is not None:
        found["progress"] = {"percent": now.percent, "message": now.message}
    if now.data is not None:
        found["progress"]["data"] = now.data
    if now.failure is not None:
        found["error"] = {"type": now.failure.type, "message": now.failure.message}
    return found

"""Running what is sent before the sender goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from penstock.family import running
from penstock.handle import Handle
from penstock.middleware import Middleware, Send
from penstock.submission import Signature

__all__ = ["Eager"]


@dataclass(eq=False)
class _Rounds:
    """Those of one event loop, one after another."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0


class Eager(Middleware):
    """Runs what is sent before `send` returns. What tasks send themselves is run by the same round, beside them."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        """`run`: runs all that is queued, and what that sends."""
        self._run = run
        self._rounds: WeakKeyDictionary[asyncio.AbstractEventLoop, _Rounds] = WeakKeyDictionary()

    async def send(self, calls: Sequence[Signature[Any]], send: Send) -> list[Handle[Any]]:
        """See Middleware."""
        handles = await send(calls)
        if running.get() is None:
            await self._round(self._rounds.setdefault(asyncio.get_running_loop(), _Rounds()))
        return handles

    async def _round(self, rounds: _Rounds) -> None:
        """Return when a round has ended that began after this."""
        before = rounds.begun
        async with rounds.turn:
            if rounds.begun == before:
                rounds.begun += 1
                await self._run()

"""What an app sets up before its tasks are sent or run in a process, and clears away afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

__all__ = ["Lifespan", "Setting"]

Setting = Callable[[], AbstractAsyncContextManager[Any]]


class Lifespan:
    """Entered once, however many enter it, and left by the last: an API and a worker may share a process.

    `state` is what it yielded, None outside of it.
    """

    def __init__(self, setting: Setting | None) -> None:
        self._setting = setting
        self._inside = 0
        self._stack = AsyncExitStack()
        self.state: Any = None

    @property
    def is_open(self) -> bool:
        """Whether somebody is inside."""
        return self._inside > 0

    async def __aenter__(self) -> None:
        """Set up, if nobody has."""
        self._inside += 1
        if self._inside > 1 or self._setting is None:
            return
        try:
            self.state = await self._stack.enter_async_context(self._setting())
        except BaseException:
            self._inside -= 1
            raise

    async def __aexit__(self, *exc: object) -> None:
        """Clear away, if nobody else is inside."""
        self._inside -= 1
        if not self._inside:
            self.state = None
            await self._stack.aclose()

"""The lifespan of an app: what it sets up in a process before it sends or runs tasks, and closes afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

__all__ = ["Lifespan", "Setting"]

Setting = Callable[[], AbstractAsyncContextManager[Any]]
"""A function that returns an async context manager. What that yields becomes `app.state`."""


class Lifespan:
    """Counts its users: the first one opens it, and the last one closes it. An API and a worker can share a process.

    `state` is what the context manager yielded. It is None while the lifespan isn't open.
    """

    def __init__(self, setting: Setting | None) -> None:
        self._setting = setting
        self._inside = 0
        self._stack = AsyncExitStack()
        self.state: Any = None

    @property
    def is_open(self) -> bool:
        """Whether it has users."""
        return self._inside > 0

    async def __aenter__(self) -> None:
        """Open it, if this is the first user."""
        self._inside += 1
        if self._inside > 1 or self._setting is None:
            return
        try:
            self.state = await self._stack.enter_async_context(self._setting())
        except BaseException:
            self._inside -= 1
            raise

    async def __aexit__(self, *exc: object) -> None:
        """Close it, if this is the last user."""
        self._inside -= 1
        if not self._inside:
            self.state = None
            await self._stack.aclose()

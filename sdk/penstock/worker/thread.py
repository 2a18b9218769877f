"""The thread in which an attempt's plain functions run, one after another: its dependencies' and its own."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from penstock.worker.hop import Hop
from penstock.worker.pool import Pool

__all__ = ["Thread"]

R = TypeVar("R")


class Thread:
    """A place in the pool. What runs there can't be stopped: whoever is cancelled while waiting for it leaves it
    behind, and the attempt keeps its place until it has `ended`."""

    __slots__ = ("_hop", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._hop: Hop[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether something runs in it, or is about to."""
        return self._hop is not None and not self._hop.over

    async def run(self, variables: Context, function: Callable[[], R]) -> R:
        """What the function returns, called in that context. Raises what it raises."""
        hop = Hop(variables, self._pool.around(function))
        self._hop = hop
        try:
            self._pool.take(hop)
        except RuntimeError as error:
            hop.give_up(error)
        return await hop.result()

    async def ended(self) -> None:
        """Return when nothing runs in it."""
        if self._hop is not None:
            await self._hop.ended()

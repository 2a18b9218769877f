"""What a system's module in `apps` gives the producer: `connect()`, an async context manager of an Adapter.

The functions go by their names in `functions`. Where a system can only block, so do its methods.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

__all__ = ["CONCURRENCY", "REDIS", "Adapter", "Module"]

REDIS = "BENCH_REDIS"  # the variable with the server's URL
CONCURRENCY = "BENCH_CONCURRENCY"


class Adapter(Protocol):
    """One system's way to submit."""

    async def enqueue(self, function: str, count: int) -> None:
        """Queue so many calls in the system's fastest documented way. All are on the server when it returns."""

    async def send(self, function: str, *args: int) -> Any:
        """Queue one call; what it returns is for `result`."""

    async def result(self, handle: Any) -> Any:
        """Await the call's result in the system's own way."""


class Module(Protocol):
    """A module of `apps`."""

    def connect(self) -> AbstractAsyncContextManager[Adapter]:
        """Open the connections that submitting needs."""

"""The handle of a TaskBatch: counts, results, failures, cancelling and retrying."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypedDict, TypeVar

from penstock.declaration import Duration
from penstock.errors import BatchFailed, PenstockError, ResultTimeout
from penstock.handle import value_of
from penstock.outcome import Outcome
from penstock.resources.phase import BatchPhase
from penstock.sealing import PayloadCodec

__all__ = ["BatchFields", "BatchHandle", "BatchSource", "BatchStatus"]

R = TypeVar("R")
LOOK_SECONDS = 0.5


class BatchFields(TypedDict, total=False):
    """The options of `app.batch(…)`; times in seconds.

    - `name`: of the TaskBatch. With the name of an incomplete TaskBatch, its stream continues.
    - `ttl`: how long the finished batch is kept, and the result of each item from its end.
    """

    name: str
    parallelism: int
    max_failures: int
    max_failure_ratio: float
    deadline: Duration
    ttl: Duration


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """The state of a batch.

    `waiting` items aren't on their queue yet. `active` items are on their queue or run. `reason` and `message` explain
    the phase. `failed_indexes` lists failed items, such as 1,3-5,7.
    """

    phase: BatchPhase
    total: int = 0
    waiting: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    failed_indexes: str = ""
    reason: str = ""
    message: str = ""


class BatchSource(Protocol):
    """Where batches are stored: in the API server, and the results of their items in the broker."""

    @property
    def codec(self) -> PayloadCodec | None:
        """The codec of the results."""

    async def status(self, name: str) -> BatchStatus:
        """The state of a batch. Raises UnknownTask."""

    async def change(self, name: str, **spec: object) -> bool:
        """Change its spec. False if it has ended."""

    async def retry(self, name: str) -> int:
        """Start another run with the items that didn't succeed. Returns the number of the run."""

    def outcomes(self, name: str, *, failures: bool) -> AsyncGenerator[tuple[int, Outcome | PenstockError], None]:
        """The outcomes of ended items with their indexes: of all items, or of failed ones."""


class BatchHandle(Generic[R]):
    """One TaskBatch. In another process, `app.batch_handle(name)` returns the same handle."""

    def __init__(self, name: str, reach: Callable[[], Awaitable[BatchSource]], returns: object = None) -> None:
        """`reach` returns the source of the current event loop."""
        self.name = name
        self._reach = reach
        self._returns = returns

    def __repr__(self) -> str:
        return f"BatchHandle({self.name!r})"

    async def status(self) -> BatchStatus:
        """Phase and counts. They are at most two seconds old. Raises UnknownTask."""
        return await (await self._reach()).status(self.name)

    async def wait(self, timeout: float | None = None) -> BatchStatus:
        """Wait until the batch has ended, in any phase. Raises ResultTimeout after `timeout` seconds."""
        source = await self._reach()
        try:
            async with asyncio.timeout(timeout):
                while True:
                    status = await source.status(self.name)
                    if status.phase.terminal:
                        return status
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise ResultTimeout(f"TaskBatch {self.name} hasn't ended after {timeout:g} s; it goes on") from None

    async def result(self, timeout: float | None = None) -> BatchStatus:
        """Wait until the batch has succeeded, and return its counts.

        Raises BatchFailed if it fails or is cancelled, ResultTimeout after `timeout` seconds.
        """
        status = await self.wait(timeout)
        if status.phase is not BatchPhase.SUCCEEDED:
            raise BatchFailed(self.name, status.reason, status.message)
        return status

    async def results(self) -> AsyncGenerator[tuple[int, R | PenstockError], None]:
        """Yield (index, result or error) of the items that have ended by now, in order.

        The error is the one that `Handle.result` would raise.
        """
        source = await self._reach()
        async for index, outcome in source.outcomes(self.name, failures=False):
            yield index, self._value(outcome, source.codec)

    async def failures(self) -> AsyncGenerator[tuple[int, PenstockError], None]:
        """Yield (index, error) of the items that have failed by now, in order."""
        source = await self._reach()
        async for index, outcome in source.outcomes(self.name, failures=True):
            value = self._value(outcome, source.codec)
            if isinstance(value, PenstockError):
                yield index, value

    def _value(self, outcome: Outcome | PenstockError, codec: PayloadCodec | None) -> R | PenstockError:
        if isinstance(outcome, PenstockError):
            return outcome
        try:
            value: R = value_of(outcome, self._returns, codec)
        except PenstockError as error:
            return error
        return value

    async def cancel(self) -> bool:
        """Cancel all items that haven't ended. Returns when this is recorded. False if the batch had ended."""
        return await (await self._reach()).change(self.name, cancel=True)

    async def suspend(self) -> bool:
        """Start no more items until `resume`. Running items continue. False if the batch had ended."""
        return await (await self._reach()).change(self.name, suspend=True)

    async def resume(self) -> bool:
        """Start items again. False if the batch had ended."""
        return await (await self._reach()).change(self.name, suspend=False)

    async def retry(self) -> int:
        """Run the items again that didn't succeed. Returns the number of the new run.

        Raises ConfigurationError if the batch hasn't ended.
        """
        return await (await self._reach()).retry(self.name)

"""A TaskBatch as its submitter follows it: counts, results, failures, cancelling and retrying."""

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
    """What `app.batch(…)` takes beside the calls; seconds. `name`: of the TaskBatch; with that of one whose submitter
    died, it goes on. `ttl`: life of the finished batch and, from its end, of an item's result."""

    name: str
    parallelism: int
    max_failures: int
    max_failure_ratio: float
    deadline: Duration
    ttl: Duration


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch at one moment. `waiting` items aren't on their queue yet, `active` ones are there or run. `reason` and
    `message` say why the phase is what it is; `failed_indexes` names failed items, such as 1,3-5,7."""

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
    """Where batches are kept: the API server, and the broker for the results of their items."""

    @property
    def codec(self) -> PayloadCodec | None:
        """What opens sealed results."""

    async def status(self, name: str) -> BatchStatus:
        """How a batch stands. Raises UnknownTask."""

    async def change(self, name: str, **spec: object) -> bool:
        """Change its spec. False if it has ended."""

    async def retry(self, name: str) -> int:
        """Begin another run with what didn't succeed. The number of that run."""

    def outcomes(self, name: str, *, failures: bool) -> AsyncGenerator[tuple[int, Outcome | PenstockError], None]:
        """How items have ended, by their indexes: all of them, or those that failed."""


class BatchHandle(Generic[R]):
    """One TaskBatch. `app.batch_handle(name)` gives the same handle back in another process."""

    def __init__(self, name: str, reach: Callable[[], Awaitable[BatchSource]], returns: object = None) -> None:
        """`reach` gives the source of the event loop that asks."""
        self.name = name
        self._reach = reach
        self._returns = returns

    def __repr__(self) -> str:
        return f"BatchHandle({self.name!r})"

    async def status(self) -> BatchStatus:
        """Phase and counts, as the operator wrote them last; at most a second or two old. Raises UnknownTask."""
        return await (await self._reach()).status(self.name)

    async def wait(self, timeout: float | None = None) -> BatchStatus:
        """How it ended, however that is. Raises ResultTimeout if it hasn't within `timeout` seconds."""
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
        """The counts of a batch that succeeds, awaited for up to `timeout` seconds. Raises BatchFailed if it ends
        otherwise, ResultTimeout if it hasn't ended."""
        status = await self.wait(timeout)
        if status.phase is not BatchPhase.SUCCEEDED:
            raise BatchFailed(self.name, status.reason, status.message)
        return status

    async def results(self) -> AsyncGenerator[tuple[int, R | PenstockError], None]:
        """(index, what the function returned or the error that `Handle.result` would raise) of the items that have
        ended by now, in order."""
        source = await self._reach()
        async for index, outcome in source.outcomes(self.name, failures=False):
            yield index, self._value(outcome, source.codec)

    async def failures(self) -> AsyncGenerator[tuple[int, PenstockError], None]:
        """(index, error) of the items that have failed by now, in order."""
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
        """Cancel what hasn't ended. Returns when that is recorded; False if all had ended already."""
        return await (await self._reach()).change(self.name, cancel=True)

    async def suspend(self) -> bool:
        """Start no more items until `resume`; what runs goes on. False if it has ended."""
        return await (await self._reach()).change(self.name, suspend=True)

    async def resume(self) -> bool:
        """Go on. False if it has ended."""
        return await (await self._reach()).change(self.name, suspend=False)

    async def retry(self) -> int:
        """Run again what didn't succeed of a batch that has ended, and nothing else. The number of that run. Raises
        ConfigurationError if it hasn't ended."""
        return await (await self._reach()).retry(self.name)

"""Gathers what concurrent callers bring while the previous batch is under way: one round trip for many, no timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from penstock.errors import Refused

__all__ = ["Batcher"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Calls `act` with up to `limit` items at a time and gives each caller its own answer.

    A lone caller waits for nothing; under load batches grow to what one round trip takes. An error of `act` is
    raised to every caller of its batch, but for Refused: then each item is tried alone. An answer that is an error is
    raised to its caller alone. Belongs to one event loop.
    """

    def __init__(
        self, act: Callable[[list[Item]], Awaitable[Sequence[Answer | Exception]]], *, limit: int = 500
    ) -> None:
        self._act = act
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        """The answer to `item`. Cancelling the caller doesn't take the item back."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="penstock-batch")
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            await self._serve(batch)

    async def _serve(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._act([item for item, _ in batch])
            pairs = list(zip([future for _, future in batch], answers, strict=True))
        except Refused as error:
            if len(batch) == 1:
                return _fail([batch[0][1]], error)
            for one in batch:
                await self._serve([one])
        except Exception as error:  # it is the callers' to handle
            _fail([future for _, future in batch], error)
        else:
            _answer(pairs)
        return None

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer that isn't about to be given."""
        return not self._waiting and (self._worker is None or self._worker.done())

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._worker is not None:
            await self._worker


def _answer(pairs: list[tuple[asyncio.Future[Answer], Answer | Exception]]) -> None:
    for future, answer in pairs:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _fail(futures: list[asyncio.Future[Answer]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)

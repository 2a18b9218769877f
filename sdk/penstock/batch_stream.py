"""Streams the items of a batch to the broker, a few hundred per round trip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec

from penstock.batch_calls import check_item
from penstock.batch_terms import batch_terms
from penstock.broker import Broker
from penstock.envelope import Envelope
from penstock.errors import SubmissionError
from penstock.handle import Handle, Source
from penstock.keys import item_id
from penstock.kube import Manifest
from penstock.limits import ROOM_SECONDS, ROUND_TRIP_MESSAGES, portions
from penstock.middleware import Send
from penstock.resources.batch import TaskBatchSpec
from penstock.stopping import stopped
from penstock.submission import Signature

__all__ = ["CHUNK", "Stream", "Through", "chunked"]

T = TypeVar("T")
CHUNK = ROUND_TRIP_MESSAGES
PATIENCE_SECONDS = 0.2  # a chunk is sent when its first item is this old, even if it isn't full
Through = Callable[[Sequence[Signature[Any]], Send], Awaitable[list[Handle[Any]]]]


async def chunked(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[list[T], None]:
    """The items, CHUNK at a time, or fewer if they come slowly."""
    if not isinstance(items, AsyncIterable):
        rest = iter(items)
        while chunk := list(islice(rest, CHUNK)):
            yield chunk
        return
    chunk, since = [], 0.0
    async for item in items:
        since = since if chunk else time.monotonic()
        chunk.append(item)
        if len(chunk) == CHUNK or time.monotonic() - since > PATIENCE_SECONDS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class Stream:
    """The items of one TaskBatch. Their calls differ only in their arguments."""

    def __init__(
        self, broker: Broker, source: Source, batch: Manifest, like: Signature[Any], traceparent: str | None
    ) -> None:
        self._broker = broker
        self._source = source
        self._like = like
        self._traceparent = traceparent
        spec = TaskBatchSpec.stored(batch["spec"])
        self._name = str(batch["metadata"]["name"])
        self._terms = batch_terms(spec, batch["metadata"]["uid"])
        self._life = spec.life
        self._fresh = "startedAt" not in (batch.get("status") or {})
        self._sent = 0

    async def run(
        self,
        first: Sequence[Signature[Any]],
        rest: AsyncGenerator[list[Signature[Any]], None],
        through: Through | None = None,
    ) -> int:
        """Send all items, and return their number. The next chunk is prepared while the broker works."""
        await self._broker.tend(self._terms, create=self._fresh)
        calls: Sequence[Signature[Any]] | None = first
        try:
            while calls is not None:
                calls = await self._sent_while_next(calls, rest, through)
        except BaseException as error:
            remedy = f"stream all of them again with name={self._name!r}, or cancel it"
            error.add_note(f"TaskBatch {self._name} waits for the rest of its items: {remedy}")
            raise
        return self._sent

    async def _sent_while_next(
        self,
        calls: Sequence[Signature[Any]],
        rest: AsyncGenerator[list[Signature[Any]], None],
        through: Through | None,
    ) -> Sequence[Signature[Any]] | None:
        """Send these calls, and get the next ones at the same time."""
        sending = asyncio.create_task(self._send(calls, through), name=f"penstock batch {self._name}")
        try:
            await asyncio.sleep(0)  # so that the sending starts first
            following = await anext(rest, None)
            await sending
        finally:
            if not sending.done():
                await stopped(sending)
        return following

    async def _send(self, calls: Sequence[Signature[Any]], through: Through | None) -> None:
        if through is None:
            await self._place(self._messages(calls))
        else:
            await through(calls, self._handles)

    async def _handles(self, calls: Sequence[Signature[Any]]) -> list[Handle[Any]]:
        messages = self._messages(calls)
        await self._place(messages)
        return [Handle(message.id, self._source, self._like.definition.returns) for message in messages]

    def _messages(self, calls: Sequence[Signature[Any]]) -> list[Envelope]:
        now = self._broker.clock()
        messages = [self._message(call, self._sent + number, now) for number, call in enumerate(calls)]
        self._sent += len(messages)
        return messages

    def _message(self, call: Signature[Any], index: int, now: float) -> Envelope:
        check_item(call, self._like)
        envelope = call.envelope(now, self._traceparent, id=item_id(self._terms.id, index))
        return msgspec.structs.replace(envelope, result_ttl=envelope.result_ttl or self._life)

    async def _place(self, messages: Sequence[Envelope]) -> None:
        """Return when all are seen to; a full queue holds them up."""
        for part in portions(messages):
            await self._place_together(messages[part])

    async def _place_together(self, messages: Sequence[Envelope]) -> None:
        while messages:
            taken = await self._broker.send_items(messages)
            if taken is None:
                raise SubmissionError(f"TaskBatch {self._name}: the broker has lost it, or it was deleted meanwhile")
            messages = messages[taken:]
            if messages:
                await asyncio.sleep(ROOM_SECONDS)

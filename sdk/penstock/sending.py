"""Sending messages so that each caller hears of his own: what is wrong with one message isn't raised to the callers of
others that share its round trip, and where the reply was lost, they are sent again, which ids make safe.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from penstock.broker import Broker
from penstock.broker.messages import Receipt
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError, Deposed, NotConnected, SubmissionError, TooLarge
from penstock.limits import LARGE_BYTES, ROUND_TRIP_MESSAGES, mib, portions

__all__ = ["Answer", "Sender", "batches", "chunks", "failed"]

Answer = Receipt | Exception
REPEAT_SECONDS = 5.0  # a reply that was lost later isn't asked for again, and a second one not awaited longer
# Of these, another attempt with fewer messages would hear the same.
_OF_ALL = (NotConnected, ConfigurationError, Deposed)


class Sender:
    """Call it with messages of one queue for the receipt of each, or the error why there is none."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._clock = clock

    async def __call__(self, messages: Sequence[Envelope]) -> list[Answer]:
        """In the messages' order. Raises nothing."""
        if len(messages) == 1:
            return await self._sent(messages)
        answers: list[Answer] = []
        for part in portions(messages):
            answers += await self._sent(messages[part])
            if isinstance(answers[-1], NotConnected):
                unsent = NotConnected(str(answers[-1]))
                return answers + [unsent] * (len(messages) - len(answers))
        return answers

    async def _sent(self, messages: Sequence[Envelope]) -> list[Answer]:
        began = self._clock()
        try:
            return [*await self._broker.send(messages)]
        except Exception as error:  # it is the callers' to handle
            if isinstance(error, SubmissionError) and error.open:
                in_time = self._clock() - began < REPEAT_SECONDS and not _silent(error)
                return await self._sent_again(messages, error) if in_time else _open(messages, error)
            if len(messages) == 1 or isinstance(error, _OF_ALL):
                return [error for _ in messages]
            return await self._sent_apart(messages, error)

    async def _sent_again(self, messages: Sequence[Envelope], lost: SubmissionError) -> list[Answer]:
        """The reply was lost: what was queued is known by its id, and what wasn't is queued now."""
        try:
            async with asyncio.timeout(REPEAT_SECONDS):
                return [*await self._broker.send(messages)]
        except Exception as error:
            reason = error if isinstance(error, ConfigurationError) else await self._pinged()
            if isinstance(reason, ConfigurationError):  # so it was before, and the reply was lost that said so
                return [reason for _ in messages]
            if reason is None and len(messages[0].payload) > LARGE_BYTES:
                return [_too_large(messages[0])]
            return _open(messages, error if isinstance(error, SubmissionError) else lost)

    async def _pinged(self) -> Exception | None:
        """Why the broker doesn't answer; None: it does."""
        try:
            async with asyncio.timeout(REPEAT_SECONDS):
                await self._broker.ping()
        except Exception as error:
            return error
        return None

    async def _sent_apart(self, messages: Sequence[Envelope], refusal: Exception) -> list[Answer]:
        """Refused together. If the first and the last are refused likewise, all are; else each is sent alone."""
        [first], [last] = await self._sent(messages[:1]), await self._sent(messages[-1:])
        if _alike(first, refusal) and _alike(last, refusal):
            return [refusal for _ in messages]
        return [first, *[(await self._sent([message]))[0] for message in messages[1:-1]], last]


def _silent(error: SubmissionError) -> bool:
    """Whether the submitter's patience ended, as `?timeout=` sets it: a second round would exceed it."""
    return isinstance(error.__cause__, TimeoutError)


def _alike(answer: Answer, refusal: Exception) -> bool:
    return type(answer) is type(refusal) and str(answer) == str(refusal)


def _too_large(message: Envelope) -> TooLarge:
    return TooLarge(
        f"Redis closes the connection on a message of {mib(len(message.payload))}, and takes others: raise its "
        "proto-max-bulk-len, or keep the data elsewhere and pass where it is"
    )


def _open(messages: Sequence[Envelope], error: SubmissionError) -> list[Answer]:
    """An error for each, with its id."""
    return [_left_open(error, [message.id]) for message in messages]


def failed(errors: Sequence[Exception], queued: Sequence[str]) -> Exception:
    """One error for who sent many: the first, unless some are open. `queued` are the ids of those that were queued."""
    undecided = [error for error in errors if isinstance(error, SubmissionError) and error.open]
    error = undecided[0] if undecided else errors[0]
    if len(undecided) > 1:
        error = _left_open(undecided[0].__cause__ or error, [id for one in undecided for id in one.ids])
    if isinstance(error, SubmissionError):
        error.queued = list(queued)
    elif queued:
        error.add_note(f"{len(queued)} calls before it were queued")
    return error


def _left_open(error: BaseException, ids: Sequence[str]) -> SubmissionError:
    """The error for who sent these and can't know whether they were queued."""
    one = len(ids) == 1
    what = ids[0] if one else f"{len(ids)} tasks (.ids)"
    remedy = f"options(id={ids[0].partition('.')[2]!r})" if one else "options(id=…) for each"
    told = f"{error}; {what} may or may not have been queued: with {remedy} a repeat runs nothing twice"
    kind = NotConnected if isinstance(error, NotConnected) else SubmissionError
    found = kind(told, open=True)
    found.ids, found.__cause__ = list(ids), error
    return found


class Placed(Protocol):
    """What waits in a queue."""

    @property
    def queue(self) -> str: ...


def chunks(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """One round trip's worth after the other, each of one queue, in their order."""
    for _, alike in groupby(envelopes, lambda envelope: envelope.queue):
        found = list(alike)
        for first in range(0, len(found), ROUND_TRIP_MESSAGES):
            yield found[first : first + ROUND_TRIP_MESSAGES]


def batches(calls: Sequence[Placed]) -> Iterator[list[int]]:
    """The calls' places, by queue and in their order, so many a round trip."""
    by_queue: defaultdict[str, list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        by_queue[call.queue].append(place)
    for places in by_queue.values():
        for first in range(0, len(places), ROUND_TRIP_MESSAGES):
            yield places[first : first + ROUND_TRIP_MESSAGES]

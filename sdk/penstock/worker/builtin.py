"""The tasks that every worker knows, for flows: COLLECT and EACH."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from penstock.broker import Broker
from penstock.broker.messages import Sent
from penstock.context import TaskContext
from penstock.definition import Definition, Options
from penstock.envelope import Envelope, decode, with_payload
from penstock.errors import BadArgument, NotConnected
from penstock.limits import ROOM_SECONDS
from penstock.links import COLLECT, EACH, Feed, Links, spliced
from penstock.retry import RetryPolicy, Snooze
from penstock.sealing import PayloadCodec, opened, sealed

__all__ = ["builtins"]

BATCH = 500
AWAY_SECONDS = 1.0  # between two tries while the members' queue can't be reached
# Their queues are those of the flows. A queue's own retries and timeouts are meant for its users' tasks.
OPTIONS = Options("penstock", retry=RetryPolicy(), timeout=3600.0, give_up_on=(BadArgument,))


def builtins(
    broker: Broker, codec: PayloadCodec | None = None, clock: Callable[[], float] = time.time
) -> dict[str, Definition]:
    """By their names."""

    async def each(items: Any, model: str, target: str, start: str, *, context: TaskContext) -> int:
        """Send a call for each item, so that `target` gets their results. Run again, it sends the same."""
        call = decode(base64.b64decode(model))
        if not isinstance(items, list):
            raise BadArgument(_no_list(call, items))
        call = with_payload(call, opened(call.payload, call.codec, codec))
        try:
            if not await broker.expect(target, len(items)):
                return 0
            for first in range(context.saved or 0, len(items), BATCH):
                numbered = enumerate(items[first : first + BATCH], first)
                made = _dated(call, clock())
                members = [_member(made, number, item, target, start, codec) for number, item in numbered]
                await _send(broker, members, first, context)
        except NotConnected as error:
            raise Snooze(AWAY_SECONDS, str(error)) from error
        return len(items)

    return {COLLECT: Definition(COLLECT, _collect, OPTIONS), EACH: Definition(EACH, each, OPTIONS)}


async def _collect(results: list[Any]) -> list[Any]:
    return results


def _no_list(call: Envelope, given: object) -> str:
    origin = (call.links or Links()).origin or "the step before it"
    kind = "None" if given is None else f"a value of type {type(given).__name__}"
    return f"each({call.task}) makes a call for each item of a list, but {origin} returned {kind}: let it return a list"


def _dated(call: Envelope, now: float) -> Envelope:
    """The call as it is made now. Its delay and its expiry count from when the broker has it."""
    later = call.links.later if call.links is not None else None
    deadline = None if later is None or later.deadline is None else now + later.deadline
    return msgspec.structs.replace(call, created_at=now, deadline=deadline)


def _member(call: Envelope, number: int, item: object, target: str, start: str, codec: PayloadCodec | None) -> Envelope:
    model = call.links or Links()
    payload = spliced(call.payload, model, {0: msgspec.json.encode(item)})
    payload = sealed(payload, codec if call.codec else None)
    links = Links(feeds=(Feed(target, number),), later=model.later)
    return msgspec.structs.replace(call, id=f"{start}{number}", payload=payload, links=links)


async def _send(broker: Broker, members: Sequence[Envelope], first: int, context: TaskContext) -> None:
    """Send them all. If the queue is full, run again once it may have room: it is the members that make room, and they
    need the place that this task takes."""
    receipts = await broker.send(members)
    if any(receipt.sent is Sent.FULL for receipt in receipts):
        await context.checkpoint(first)
        raise Snooze(ROOM_SECONDS, f"queue {members[0].queue} is full")

"""The tasks that every worker knows, for flows: COLLECT and EACH."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.broker import Broker
from penstock.broker.messages import Sent
from penstock.definition import Definition, Options
from penstock.envelope import Envelope, decode, with_payload
from penstock.links import COLLECT, EACH, Feed, Links, spliced
from penstock.sealing import PayloadCodec, opened, sealed

__all__ = ["builtins"]

BATCH = 500
ROOM_SECONDS = 0.2  # between two looks whether a full queue has room again
OPTIONS = Options("penstock")  # their queues are those of the flows


def builtins(broker: Broker, codec: PayloadCodec | None = None) -> dict[str, Definition]:
    """By their names."""

    async def each(items: list[Any], model: str, target: str, start: str) -> int:
        """Send a call for each item, so that `target` gets their results. Run again, it sends the same."""
        if not await broker.expect(target, len(items)):
            return 0
        call = decode(base64.b64decode(model))
        call = with_payload(call, opened(call.payload, call.codec, codec))
        for first in range(0, len(items), BATCH):
            numbered = enumerate(items[first : first + BATCH], first)
            await _send(broker, [_member(call, number, item, target, start, codec) for number, item in numbered])
        return len(items)

    return {COLLECT: Definition(COLLECT, _collect, OPTIONS), EACH: Definition(EACH, each, OPTIONS)}


async def _collect(results: list[Any]) -> list[Any]:
    return results


def _member(call: Envelope, number: int, item: object, target: str, start: str, codec: PayloadCodec | None) -> Envelope:
    payload = spliced(call.payload, call.links or Links(), {0: msgspec.json.encode(item)})
    payload = sealed(payload, codec if call.codec else None)
    links = Links(feeds=(Feed(target, number),))
    return msgspec.structs.replace(call, id=f"{start}{number}", payload=payload, links=links)


async def _send(broker: Broker, messages: Sequence[Envelope]) -> None:
    """Send them all, if need be when the queue has room again."""
    while messages:
        receipts = await broker.send(messages)
        full = {receipt.id for receipt in receipts if receipt.sent is Sent.FULL}
        messages = [message for message in messages if message.id in full]
        if messages:
            await asyncio.sleep(ROOM_SECONDS)

"""Messages that are made now and sent later, by an outbox. Their times count by the clock of whoever made them, until
they are sent."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.envelope import Envelope, encode
from penstock.envelope import decode as decoded
from penstock.submission import Signature

__all__ = ["Prepared", "corrected", "decode", "prepared"]

EXACT_SECONDS = 0.001  # clocks that differ by less agree


class Prepared(Envelope, frozen=True, omit_defaults=True, kw_only=True):
    """A message that waits to be sent. `dated`: it starts at a moment that the caller named, whatever clock he has."""

    dated: bool = False


_decoder = msgspec.msgpack.Decoder(Prepared)


def prepared(call: Signature[Any], now: float, traceparent: str | None) -> tuple[str, bytes]:
    """A call's id and its message as an outbox keeps it. `now` is by the own clock."""
    envelope = call.envelope(now, traceparent)
    fields = {name: getattr(envelope, name) for name in envelope.__struct_fields__}
    return envelope.id, encode(Prepared(**fields, dated=call.options.at is not None))


def decode(data: bytes) -> Prepared:
    """The message that an outbox has kept. Raises Undecodable, which says why."""
    decoded(data)
    return _decoder.decode(data)


def corrected(message: Envelope, ahead: float) -> Envelope:
    """The message with its times by a clock that is so many seconds ahead of the one by which it was made."""
    if abs(ahead) < EXACT_SECONDS:
        return message
    times = {"created_at": message.created_at + ahead}
    if message.deadline is not None:
        times["deadline"] = message.deadline + ahead
    if not (isinstance(message, Prepared) and message.dated):
        starts = {"not_before": message.not_before, "expires_at": message.expires_at}
        times |= {name: time + ahead for name, time in starts.items() if time is not None}
    return msgspec.structs.replace(message, **times)

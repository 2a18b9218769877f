"""Tasks that no worker here can run: by their name, or by a version of their signature. They wait for a worker that
can, but not for ever."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.definition import Definition
from penstock.envelope import Envelope, Undecodable, decode
from penstock.errors import BadArgument, ConfigurationError
from penstock.sealing import PayloadCodec, opened

__all__ = ["PARKED_SECONDS", "overdue", "wanted"]

PARKED_SECONDS = 24 * 3600.0  # since it was due: no roll-out takes longer


def wanted(message: bytes, tasks: Mapping[str, Definition], now: float, codec: PayloadCodec | None = None) -> bool:
    """Whether a parked message is for a worker with these tasks: it can run it, or at least tell that time is up."""
    try:
        envelope = decode(message)
    except Undecodable:
        return True
    late = envelope.deadline is not None and envelope.deadline <= now
    return late or overdue(envelope, now) or _fits(envelope, tasks.get(envelope.task), codec)


def overdue(envelope: Envelope, now: float, *, since: float = 0.0) -> bool:
    """Whether a task has waited long enough for a worker of another version. `since`: when it became ready, if that is
    known: a step of a flow may have waited for others before."""
    return now - max(envelope.created_at, envelope.not_before or 0.0, since) > PARKED_SECONDS


def _fits(envelope: Envelope, definition: Definition | None, codec: PayloadCodec | None) -> bool:
    if definition is None:
        return False
    try:
        definition.arguments.converted(opened(envelope.payload, envelope.codec, codec))
    except ConfigurationError:
        return False
    except (BadArgument, msgspec.MsgspecError):
        return envelope.shape in ("", definition.arguments.shape)  # then it is wrong for good, and says so
    return True

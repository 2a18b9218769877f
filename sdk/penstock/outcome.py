"""How a task ended: what settling writes to its record, to the outbox and, from there, onto the resource."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from penstock.codec import sendable
from penstock.envelope import ResourceRef
from penstock.status import Phase

__all__ = ["Failure", "Outcome", "decode", "encode"]

TRACEBACK_LIMIT = 4096  # characters; the end of a traceback says more than its start
MESSAGE_LIMIT = 1024  # characters


class Failure(Struct, frozen=True, omit_defaults=True):
    """A remote exception as data. `retryable` says whether the policy would have tried again. `upstream` is the id of
    the task that failed so, where another ended because it waited for that one's result."""

    type: str
    message: str = ""
    traceback: str = ""
    retryable: bool = False
    upstream: str = ""

    @classmethod
    def bounded(
        cls, type: str, message: str, traceback: str = "", *, retryable: bool = False, upstream: str = ""
    ) -> Failure:
        """The same, cut to what the resource's schema takes."""
        texts = sendable(type)[:256], sendable(message)[:MESSAGE_LIMIT], sendable(traceback)[-TRACEBACK_LIMIT:]
        return cls(*texts, retryable, upstream)


class Outcome(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The last word on one run. Times are seconds since the epoch; `result` is JSON, None where there is none;
    sealed if `codec` names by what.

    `traceparent` is the span of the last attempt, so that whoever reports continues the trace.
    """

    id: str
    task: str
    phase: Phase
    attempts: int = 0
    worker: str = ""
    queued_at: float | None = None
    started_at: float | None = None
    finished_at: float
    result: bytes | None = None
    failure: Failure | None = None
    traceparent: str | None = None
    resource: ResourceRef | None = None
    codec: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Outcome)


def encode(outcome: Outcome) -> bytes:
    """The outcome's bytes."""
    return _encoder.encode(outcome)


def decode(data: bytes) -> Outcome:
    """The outcome in `data`, as `encode` wrote it."""
    return _decoder.decode(data)

"""What becomes of a begun task before its function is called: some end right there, others get what they waited for."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from msgspec import MsgspecError

from penstock.broker import Broker
from penstock.broker.messages import Begun, Verdict
from penstock.definition import Definition
from penstock.envelope import Envelope, expiry, with_payload
from penstock.errors import ConfigurationError, PenstockError
from penstock.links import Links, spliced
from penstock.sealing import PayloadCodec, opened
from penstock.status import Phase
from penstock.worker.attempt import Attempt, Limit
from penstock.worker.ending import Crashed, Ending, Expired, Stopped, TimedOut, Unfit, Unknown

__all__ = ["foregone", "supplied"]

log = logging.getLogger("penstock.worker")


def foregone(envelope: Envelope, begun: Begun, definition: Definition | None) -> Ending | None:
    """How it ends without being run at all, if so."""
    if begun.verdict is Verdict.CANCELLED:
        return Stopped(Phase.CANCELLED, "cancelled before it started")
    if begun.verdict is Verdict.CRASHED:
        return Crashed(begun.crashes)
    if envelope.deadline is not None and envelope.deadline <= begun.started_at:
        return TimedOut(begun.started_at - envelope.deadline, deadline=True)
    expires_at = expiry(envelope, begun.queued_at)
    if expires_at is not None and expires_at < begun.started_at and begun.starts == 1:
        return Expired(begun.started_at - expires_at)
    if definition is None:
        what = "kept for a worker that knows it" if begun.lease.nonce else "the broadcast is left out"
        log.warning("%s: no task %r here; %s", envelope.id, envelope.task, what)
        return Unknown(envelope.task)
    return None


async def supplied(broker: Broker, attempt: Attempt, codec: PayloadCodec | None) -> Ending | None:
    """Open what is sealed, and put what it waited for in its place; how it ends if that can't be had."""
    envelope, links = attempt.envelope, attempt.envelope.links
    inputs: Mapping[int, bytes] = {}
    try:
        if links is not None and links.waits:
            if (late := await _late(broker, attempt, links)) is not None:
                return late
            inputs = await broker.inputs(envelope.id)
    except PenstockError as error:
        return Stopped(None, f"its inputs couldn't be read: {error}")
    try:
        payload = opened(envelope.payload, envelope.codec, codec)
        inputs = {number: opened(one, envelope.codec, codec) for number, one in inputs.items()}
    except ConfigurationError as error:
        return Unfit(str(error), foreign=True)
    except Exception as error:  # whatever an app's codec may raise
        why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return Unfit(f"its arguments can't be opened by the codec {envelope.codec!r}: {why}")
    if links is not None and links.waits:
        try:
            payload = spliced(payload, links, inputs)
        except (LookupError, MsgspecError) as error:  # a dead letter that was replayed too late
            return Unfit(f"{error}: submit the whole flow again")
    attempt.envelope = with_payload(envelope, payload)
    return None


async def _late(broker: Broker, attempt: Attempt, links: Links) -> TimedOut | None:
    """Give the attempt no more time than its deadline allows, if that counts from when its inputs were there."""
    if links.later is None or links.later.deadline is None:
        return None
    started = attempt.begun.started_at
    since = await broker.ready_since(attempt.envelope.id) or started
    left = since + links.later.deadline - started
    attempt.limit = Limit.of(attempt.policy.timeout, started + left, started)
    return TimedOut(-left, deadline=True) if left <= 0 else None

"""The wire message: what travels from submitter to worker. Attempt state lives outside it, in the task's record.

Encoded as msgpack. `v` is raised when an old worker could misread a new message; fields may be added under the
same version, since decoders ignore what they don't know. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from penstock.bounds import WireSeconds
from penstock.errors import PenstockError
from penstock.keys import Priority
from penstock.links import Links
from penstock.retry import RetryPolicy

__all__ = [
    "KEY_SECONDS",
    "VERSION",
    "Envelope",
    "ResourceRef",
    "Undecodable",
    "Unique",
    "decode",
    "decode_of",
    "encode",
    "expiry",
    "name_of",
    "priority_of",
    "revived",
    "tied",
    "with_payload",
]

VERSION = 1
KEY_SECONDS = 604_800.0  # a week: what bounds the life of an idempotency key


class Undecodable(PenstockError):
    """The bytes aren't an envelope that this version understands; the message goes to the dead letters."""


class ResourceRef(Struct, frozen=True, omit_defaults=True):
    """The Task resource that a message came from; status writes are fenced by `uid` and `run`."""

    namespace: str
    name: str
    uid: str
    run: int = 1
    generation: int = 1


class Unique(Struct, frozen=True, omit_defaults=True):
    """An idempotency key: while one task holds it, no other is queued under it. It is free again when the holder has
    started, has finished or, at the latest, after `ttl` seconds; after a failure too unless `keep_on_failure`."""

    key: str
    until: Literal["started", "finished", "expired"] = "finished"
    ttl: WireSeconds = KEY_SECONDS
    keep_on_failure: bool = False


class Envelope(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One task as it was asked for. `payload` is the JSON array `[args, kwargs]`.

    `retry`, `timeout` and `result_ttl` are None where the call set none: the worker then falls back to the
    task's declaration, the queue's resource and the defaults, in this order. `expires_at`: not started by then, it
    never is. `key` is the concurrency key. `shape` tells which version of the task's signature the arguments are for;
    empty where there are none or nobody knows. `links`: with other tasks, where there are any.
    `codec` names what has sealed the payload, if anything has (see `sealing`).
    """

    v: int = VERSION
    id: str
    task: str
    queue: str
    payload: bytes = b"[[],{}]"
    priority: Priority = "normal"
    created_at: WireSeconds
    not_before: WireSeconds | None = None
    timeout: WireSeconds | None = None
    deadline: WireSeconds | None = None
    retry: RetryPolicy | None = None
    result_ttl: WireSeconds | None = None
    traceparent: str | None = None
    resource: ResourceRef | None = None
    expires_at: WireSeconds | None = None
    key: str | None = None
    unique: Unique | None = None
    shape: str = ""
    links: Links | None = None
    codec: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """The message's bytes."""
    return _encoder.encode(envelope)


def decode(data: bytes) -> Envelope:
    """The message in `data`. Raises Undecodable, which says why."""
    try:
        envelope = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Undecodable(f"not an envelope: {error}") from error
    if envelope.v > VERSION:
        raise Undecodable(f"envelope version {envelope.v} is newer than this worker's {VERSION}: upgrade the worker")
    return envelope


def decode_of(id: str, data: bytes) -> Envelope:
    """The message of a task. Raises Undecodable, also where it says that it is another's: each of the two would tell
    of the other's end."""
    envelope = decode(data)
    if envelope.id != id:
        raise Undecodable(
            f"the envelope is that of {envelope.id!r}, and it was queued as {id!r}: only Penstock may queue"
        )
    return envelope


def name_of(data: bytes) -> str:
    """The task's name; empty where there is no message, or none that could be read."""
    try:
        return decode(data).task
    except Undecodable:
        return ""


def expiry(envelope: Envelope, queued_at: float) -> float | None:
    """The moment by which it must have been started for the first time. `queued_at`: when it became ready and due."""
    later = envelope.links.later if envelope.links is not None else None
    if later is not None and later.expires is not None:
        return queued_at + later.expires
    return envelope.expires_at


def with_payload(envelope: Envelope, payload: bytes) -> Envelope:
    """The same task with other arguments."""
    return msgspec.structs.replace(envelope, payload=payload)


def revived(data: bytes, now: float) -> bytes:
    """A dead letter's message for its replay: its deadline counts from now on, and it doesn't expire. What can't be
    read stays as it is."""
    try:
        old = decode(data)
    except Undecodable:
        return data
    links = old.links
    later = links.later if links is not None else None
    if old.deadline is None and old.expires_at is None and later is None:
        return data
    deadline = None if old.deadline is None else now + old.deadline - old.created_at
    if links is not None and later is not None:  # its times count from when it could start, which was long ago
        deadline = None if later.deadline is None else now + later.deadline
        links = msgspec.structs.replace(links, later=msgspec.structs.replace(later, expires=None, deadline=None))
    return encode(msgspec.structs.replace(old, deadline=deadline, expires_at=None, created_at=now, links=links))


class _Tied(Struct, frozen=True):
    task: str = ""
    links: Links | None = None


_tied = msgspec.msgpack.Decoder(_Tied)


def tied(data: bytes) -> tuple[str, Links]:
    """The task and the links of a message that may be of a newer version: whoever waits for a task that can't be read
    here must hear of its end."""
    try:
        found = _tied.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "", Links()
    return found.task, found.links or Links()


def priority_of(data: bytes) -> Priority:
    """The priority of a message that may not be readable; "normal" then."""
    try:
        return decode(data).priority
    except Undecodable:
        return "normal"

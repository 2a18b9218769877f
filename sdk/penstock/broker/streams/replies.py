"""Redis' replies as our types: the only code that looks inside one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import Struct

from penstock import envelope as envelopes
from penstock import outcome as outcomes
from penstock.broker.cordon import Cordon
from penstock.broker.messages import (
    Attendance,
    Begun,
    Claimed,
    Delivery,
    Depth,
    Ended,
    Lease,
    Receipt,
    Sent,
    Snapshot,
    Verdict,
)
from penstock.broker.streams.connection import Reply
from penstock.errors import PenstockError
from penstock.keys import QueueKeys
from penstock.outcome import Outcome
from penstock.status import Phase

log = logging.getLogger("penstock")
_SENT = {1: Sent.QUEUED, 0: Sent.KNOWN, -1: Sent.FULL}
_VERDICTS = {verdict.value.encode(): verdict for verdict in Verdict}


class _State(Struct, frozen=True):
    """What of an unfinished task's state (drawn in `shared.lua`) is shown."""

    nonce: str = ""
    retrying: int = 0
    attempts: int = 0
    worker: str = ""
    progress: str | None = None
    waits: int = 0


class _Plain(Struct, frozen=True, array_like=True):
    """The same of a plain task."""

    stream: int
    entry: str
    nonce: str = ""
    worker: str = ""


class _Depth(Struct, frozen=True):
    """What `depth.lua` packs: ms, and no field for what isn't limited."""

    ready: int
    delayed: int
    due: int
    gated: int
    in_flight: int
    dead: int
    parked: int
    blocked: int
    ended: int
    oldest: int
    paused: bool
    by_priority: tuple[int, int, int, int]
    arrived: int
    settled: int
    ran: int
    workers: list[tuple[str, str, int, bool, int]]
    holding: dict[str, int] = {}
    places: int | None = None
    burst: int | None = None
    rate: float | None = None


_depths = msgspec.msgpack.Decoder(_Depth)
_states = msgspec.msgpack.Decoder(_State)
_plain_states = msgspec.msgpack.Decoder(_Plain)
ENTRY_FIELDS = 4  # of an entry of ours: two names and two values
_ARRAY = 0x90  # the upper half of a short array's first byte


def _state(packed: bytes) -> _State:
    try:
        if packed[0] & 0xF0 != _ARRAY:
            return _states.decode(packed)
        plain = _plain_states.decode(packed)
    except (msgspec.MsgspecError, IndexError):  # damaged by others: a claim takes it for a fresh one
        return _State()
    return _State(plain.nonce, attempts=1 if plain.nonce else 0, worker=plain.worker)


def text(reply: Reply) -> str:
    """A bulk string as text."""
    return cast("bytes", reply).decode()


def blob(reply: Reply) -> bytes:
    """A bulk string as it is."""
    return cast("bytes", reply)


def texts(reply: Reply) -> list[str]:
    """A list of bulk strings as text."""
    return [text(item) for item in sequence(reply)]


def sequence(reply: Reply) -> list[Reply]:
    """A list of anything."""
    return cast("list[Reply]", reply or [])


def rows(reply: Reply) -> list[list[Reply]]:
    """A list of lists (a nil counts as empty)."""
    return cast("list[list[Reply]]", reply or [])


def integers(reply: Reply) -> list[int]:
    """A list of integers."""
    return cast("list[int]", reply)


def integer(reply: Reply) -> int:
    """An integer. A refused command in a pipeline raises here: unknown is not zero."""
    if isinstance(reply, PenstockError):
        raise reply
    return int(cast("int", reply or 0))


def time(reply: Reply) -> float:
    """Seconds since the epoch."""
    seconds, microseconds = sequence(reply)
    return integer(seconds) + integer(microseconds) / 1e6


def receipts(ids: Sequence[str], reply: Reply) -> list[Receipt]:
    """What send returns, for the ids it was given."""
    return [
        Receipt(_SENT[answer], id) if isinstance(answer, int) else Receipt(Sent.DUPLICATE, text(answer))
        for id, answer in zip(ids, sequence(reply), strict=True)
    ]


def blocking_read(keys: QueueKeys, nonce: str, reply: Reply) -> list[Delivery]:
    """What XREADGROUP returns: per stream its name and entries, each with its flat fields. `nonce` is how the leases
    begin of those that may be started at once (their field is `f`, see `shared.lua`)."""
    places = {name: index for index, name in enumerate(keys.streams, start=1)}
    found: list[Delivery] = []
    for name, entries in rows(reply):
        for entry, fields in rows(entries):
            if len(sequence(fields)) != ENTRY_FIELDS:
                continue  # it isn't ours; the next reclaim makes it a dead letter
            _, id, field, message = cast("list[bytes]", fields)
            if not id.isascii():
                continue
            place = (keys.queue, places[text(name)], text(entry), text(id), message)
            if field == b"f":
                found.append(Delivery(*place, f"{nonce}{len(found)}", _ms(entry) / 1000))
            else:
                found.append(Delivery(*place))
    return found


def claimed(queue: str, nonce: str, reply: Reply) -> Claimed:
    """What claim returns that was called with this nonce."""
    now, wait, suspects, plain, *tasks = cast("tuple[int, int, int, list[bytes], list[Reply]]", reply)
    started = now / 1000
    begun = [_begun(queue, started, task) for task in rows(tasks)]
    for at in range(0, len(plain), 3):
        entry, id, message = plain[at : at + 3]
        lease = Lease(queue, id.decode(), nonce)
        begun.append(Begun(lease, Verdict.RUN, message, 1, 0, int(entry.partition(b"-")[0]) / 1000, started))
    return Claimed(begun, wait / 1000, suspects, started)


def _begun(queue: str, started: float, task: list[Reply]) -> Begun:
    verdict, id, message, nonce, attempts, crashes, queued, checkpoint, starts = cast(
        "tuple[bytes, bytes, bytes, bytes, int, int, int, bytes, int]", task
    )
    lease = Lease(queue, id.decode(), nonce.decode())
    return Begun(lease, _VERDICTS[verdict], message, attempts, crashes, queued / 1000, started, checkpoint, starts)


def outcome(reply: Reply) -> Outcome | None:
    """An outcome's bytes, or None where there are none."""
    return outcomes.decode(cast("bytes", reply)) if reply else None


def outcomes_of(found: Sequence[Reply]) -> list[Outcome]:
    """Those of many that can be read. One that can't is no reason to leave the others."""
    readable: list[Outcome] = []
    for one in found:
        try:
            readable.append(outcomes.decode(blob(one)))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            log.error("an outcome can't be read, and stays where it is: %s", error)
    return readable


def snapshot(state: Reply, ended: Reply) -> Snapshot | None:
    """How a task stands, from its state while it is unfinished and its outcome afterwards."""
    for reply in (state, ended):
        if isinstance(reply, PenstockError):
            raise reply
    if ended:
        last = outcomes.decode(blob(ended))
        return Snapshot(last.phase, last.attempts, last.worker, last)
    if state is None:
        return None
    now = _state(blob(state))
    waiting = Phase.RETRYING if now.retrying else Phase.BLOCKED if now.waits else Phase.QUEUED
    progress = now.progress.encode() if now.progress else None
    return Snapshot(Phase.RUNNING if now.nonce else waiting, now.attempts, now.worker, None, progress)


def named(ended: Reply, message: Reply) -> str:
    """The task's name, from its outcome or its message."""
    if ended:
        return outcomes.decode(blob(ended)).task
    return envelopes.name_of(blob(message))


def inputs(reply: Reply) -> dict[int, bytes]:
    """A hash of them, as pairs. Beside them stands when the last has come."""
    flat = sequence(reply)
    pairs = ((text(number), value) for number, value in zip(flat[::2], flat[1::2], strict=True))
    return {int(number): blob(value) for number, value in pairs if number != "ready"}


def ended(reply: Reply) -> list[Ended]:
    """What take_ended returns."""
    return [_ended(row) for row in rows(reply)]


def _ended(row: list[Reply]) -> Ended:
    _, outcome, message, waits, children = row
    return Ended(outcomes.decode(blob(outcome)), blob(message), texts(children), cast("int", waits))


def cordon(reply: Reply) -> Cordon | None:
    """What attend returns."""
    now, until = integers(reply)
    return Cordon(until / 1000, now / 1000) if until else None


def depth(reply: Reply) -> Depth:
    """What depth returns."""
    found = _depths.decode(blob(reply))
    return Depth(
        found.ready,
        found.delayed,
        found.due,
        found.gated,
        found.in_flight,
        found.dead,
        found.parked,
        found.blocked,
        found.ended,
        found.oldest / 1000,
        found.holding,
        found.paused,
        found.by_priority,
        found.arrived,
        found.settled,
        found.ran / 1000,
        found.places,
        found.burst,
        found.rate,
        tuple(Attendance(who, name, busy, rests, seen / 1000) for who, name, busy, rests, seen in found.workers),
    )


def _ms(entry: Reply) -> int:
    return int(text(entry).partition("-")[0])

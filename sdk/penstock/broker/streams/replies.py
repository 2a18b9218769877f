"""Redis' replies as our types: the only code that looks inside one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from penstock import outcome as outcomes
from penstock.broker.protocol import Begun, Delivery, Depth, Lease, Snapshot, Verdict
from penstock.broker.streams.connection import Reply
from penstock.errors import PenstockError
from penstock.keys import QueueKeys
from penstock.outcome import Outcome
from penstock.status import Phase

RECORD_FIELDS = ("phase", "attempts", "worker", "outcome", "progress")


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


def deliveries(queue: str, reply: Reply) -> list[Delivery]:
    """What claim and reclaim return."""
    return [
        Delivery(queue, integer(stream), text(entry), text(id), cast("bytes", message))
        for stream, entry, id, message in rows(reply)
    ]


def blocking_read(keys: QueueKeys, reply: Reply) -> list[Delivery]:
    """What XREADGROUP returns: per stream its name and entries, each with its flat fields."""
    places = {name: index for index, name in enumerate(keys.streams, start=1)}
    found: list[Delivery] = []
    for name, entries in rows(reply):
        for entry, fields in rows(entries):
            _, id, _, message = cast("list[bytes]", fields)
            found.append(Delivery(keys.queue, places[text(name)], text(entry), text(id), message))
    return found


def begun(leases: Sequence[Lease], reply: Reply) -> list[Begun]:
    """What begin returns, for the leases it was asked for."""
    return [
        Begun(
            lease,
            Verdict(text(verdict)),
            integer(attempts),
            integer(crashes),
            integer(queued) / 1000,
            integer(now) / 1000,
        )
        for lease, (verdict, attempts, crashes, queued, now) in zip(leases, rows(reply), strict=True)
    ]


def outcome(reply: Reply) -> Outcome | None:
    """An outcome's bytes, or None where there are none."""
    return outcomes.decode(cast("bytes", reply)) if reply else None


def snapshot(reply: Reply) -> Snapshot | None:
    """The record's fields, in the order of RECORD_FIELDS."""
    if isinstance(reply, PenstockError):
        raise reply
    phase, attempts, worker, ended, progress = cast("list[bytes | None]", reply)
    if phase is None:
        return None
    return Snapshot(Phase(phase.decode()), int(attempts or 0), (worker or b"").decode(), outcome(ended), progress)


def depth(replies: Sequence[Reply], now: float) -> Depth:
    """The replies to the broker's depth commands: four lengths, four pending summaries, the delayed, due, dead and
    parked,
    and the first entry of each stream (whose id starts with the ms it was queued at)."""
    lengths = [integer(reply) for reply in replies[:4]]
    pending = [_pending(reply) for reply in replies[4:8]]
    delayed, due, dead, parked = (integer(reply) for reply in replies[8:12])
    ready = sum(max(0, length - sum(held.values())) for length, held in zip(lengths, pending, strict=True))
    oldest = [now - _queued_at(reply) for reply in replies[12:16] if reply]
    return Depth(
        ready,
        delayed - due,
        due,
        in_flight=sum(sum(held.values()) for held in pending),
        dead=dead,
        parked=parked,
        oldest=max(0.0, *oldest, 0.0) if ready else 0.0,
        consumers=frozenset(consumer for held in pending for consumer in held),
    )


def _queued_at(reply: Reply) -> float:
    return int(text(rows(reply)[0][0]).partition("-")[0]) / 1000


def _pending(reply: Reply) -> dict[str, int]:
    """XPENDING's count by consumer. No group yet means that nothing was ever claimed; every other refusal is
    unknown."""
    if isinstance(reply, PenstockError):
        if "NOGROUP" in str(reply):
            return {}
        raise reply
    return {text(consumer): int(text(count)) for consumer, count in rows(sequence(reply)[3])}

"""Dependencies between tasks: what one waits for, and which tasks wait for it. Part of the message. The pure decisions
stand here; workers carry them out (`worker/relay.py`).

    source ──feed──▶ task that waits          parent ──adopts──▶ child

A task that waits is blocked until so many inputs have come. What its sources return may become an argument of its
call. A source that fails ends it too, unless it tolerates that; and what ends while it is blocked cancels its sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw, Struct

from penstock.bounds import WireSeconds

__all__ = ["COLLECT", "EACH", "FAILURES_ONLY", "UNKNOWN", "Feed", "Later", "Links", "Source", "spliced"]

# Tasks that every worker knows: one hands on the list of its inputs, one makes a call for each item of it.
COLLECT, EACH = "penstock.collect", "penstock.each"
UNKNOWN = -1  # how many inputs will come is told later
FAILURES_ONLY = -1  # the place of a feed that only tells of failure, which no tolerance covers


class Feed(Struct, frozen=True, array_like=True):
    """A task that waits for this one, and the number of the input that this one is for it."""

    id: str
    index: int


class Source(Struct, frozen=True, array_like=True):
    """Tasks that one waits for: the one of this id or, with a `count`, those of this id and a number from 0 on
    (UNKNOWN: as many as the task has come to wait for)."""

    id: str
    count: int | None = None

    def ids(self, waits: int) -> Iterator[str]:
        """Each task's."""
        if self.count is None:
            yield self.id
        else:
            count = max(0, waits) if self.count == UNKNOWN else self.count
            yield from (f"{self.id}{number}" for number in range(count))


class Later(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The times of a task that nobody can start yet when it is submitted: seconds from when all its inputs are there.
    `expires` counts from the end of the `delay`."""

    delay: WireSeconds | None = None
    expires: WireSeconds | None = None
    deadline: WireSeconds | None = None


class Links(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One task's. `waits` inputs make it ready; `at` is the argument they are (its position or name; None: of none), as
    a list if `many`. `tolerant`: the input of a failed source is null, unless that is FAILURES_ONLY.
    `origin`: in the model of what EACH calls, the name of the task whose result is the list."""

    waits: int = 0
    at: int | str | None = None
    many: bool = False
    tolerant: bool = False
    sources: tuple[Source, ...] = ()
    feeds: tuple[Feed, ...] = ()
    origin: str = ""
    later: Later | None = None


_calls = msgspec.json.Decoder(tuple[list[Raw], dict[str, Raw]])


def spliced(payload: bytes, links: Links, inputs: Mapping[int, bytes]) -> bytes:
    """The call with its inputs in their place. All are JSON. Raises LookupError where an input is missing."""
    if links.at is None:
        return payload
    values = [inputs[number] for number in sorted(inputs)]
    if not (links.many or values):
        raise LookupError("its input is gone")
    value = Raw(b"[%s]" % b",".join(values) if links.many else values[0])
    args, kwargs = _calls.decode(payload)
    if isinstance(links.at, str):
        kwargs[links.at] = value
    else:
        args[links.at] = value
    return msgspec.json.encode((args, kwargs))

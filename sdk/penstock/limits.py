"""What callers may ask for, as one table: every number, size and name that they give is checked by its entry, once,
before anything is sent. `docs/reference/limits.md` shows the same table.

Lengths of time are seconds; a `timedelta` is taken wherever seconds are. An option that says how long something lasts
at most may be `math.inf`: what exceeds the horizon becomes the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Protocol, TypeVar

from msgspec import Struct, structs

from penstock.bounds import Choice, Flag, Limit, Name, Number, Seconds, Text
from penstock.resources.limits import MAX_ITEMS

__all__ = [
    "BATCH",
    "DELAY",
    "ID",
    "LARGE_BYTES",
    "NAMESPACE",
    "OPTIONS",
    "PAYLOAD_BYTES",
    "QUEUE",
    "QUEUE_CONFIG",
    "QUEUE_LIMITS",
    "RESOURCE_NAME",
    "RESULT_BYTES",
    "RETRY",
    "ROOM_SECONDS",
    "ROUND_TRIP_BYTES",
    "ROUND_TRIP_MESSAGES",
    "TASK",
    "TASK_NAME",
    "checked_fields",
    "checked_struct",
    "mib",
    "portions",
]

S = TypeVar("S", bound=Struct)
PAYLOAD_BYTES = 16 * 2**20  # the arguments of one call, as they travel
RESULT_BYTES = 16 * 2**20  # what one task returns, as it travels
ROUND_TRIP_MESSAGES = 500
ROUND_TRIP_BYTES = 32 * 2**20  # Redis does nothing else while it reads and writes them
ROOM_SECONDS = 0.2  # between two looks whether a full queue has room again
LARGE_BYTES = 1_000_000  # what Redis might not take goes alone: its proto-max-bulk-len is 1 MiB at least
KEY_LENGTH = 256
ID_LENGTH = 128
NAME_LENGTH = 253
MOST = 1_000_000_000  # of what is counted

_DURATION = Seconds()
_LONGEST = Seconds(endless=True)
DELAY = Seconds(above=False)
QUEUE = Name(
    r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?",
    "up to 63 lower-case letters, digits, '-' and '_', a letter or digit at both ends",
    63,
)
TASK_NAME = Name(
    r"[A-Za-z_][A-Za-z0-9_-]*([.][A-Za-z0-9_-]+)*",
    f"up to {NAME_LENGTH} letters, digits, '_', '-' and single dots between them, a letter or '_' first",
    NAME_LENGTH,
)
RESOURCE_NAME = Name(
    r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
    f"up to {NAME_LENGTH} lower-case letters, digits, '-' and '.', a letter or digit at both ends",
    NAME_LENGTH,
)
NAMESPACE = Name(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
    f"up to {NAME_LENGTH} letters, digits, '-', '_' and '.', a letter or digit at both ends",
    NAME_LENGTH,
)
ID = Name(r"[A-Za-z0-9_-]+", f"1 to {ID_LENGTH} letters, digits, '-' and '_'", ID_LENGTH)

_BOTH: dict[str, Limit] = {
    "queue": QUEUE,
    "priority": Choice(("critical", "high", "normal", "low")),
    "max_attempts": Number(1, 1_000_000, note="no retry"),
    "timeout": _LONGEST,
    "result_ttl": _LONGEST,
    "expires": _LONGEST,
}
OPTIONS: Mapping[str, Limit] = {
    **_BOTH,
    "id": ID,
    "delay": DELAY,
    "debounce": _DURATION,
    "deadline": _LONGEST,
    "key": Text(KEY_LENGTH),
    "until": Choice(("started", "finished", "expired")),
    "key_ttl": _LONGEST,
    "keep_on_failure": Flag(),
    "concurrency_key": Text(KEY_LENGTH),
    "child": Flag(),
}
"""Of `task.options(…)`."""
TASK: Mapping[str, Limit] = {
    **_BOTH,
    "name": TASK_NAME,
    "heartbeat": _LONGEST,
    "run_in": Choice(("loop", "thread", "process")),
    "broadcast": Flag(),
}
"""Of `@app.task(…)`."""
RETRY: Mapping[str, Limit] = {
    "max_attempts": _BOTH["max_attempts"],
    "initial": DELAY,
    "factor": Number(1, 1000, whole=False),
    "maximum": Seconds(above=False, endless=True),
    "jitter": Flag(),
}
"""Of `RetryPolicy(…)`."""
QUEUE_LIMITS: Mapping[str, Limit] = {
    "rate": Number(1, MOST),
    "period": _DURATION,
    "burst": Number(1, MOST),
    "rate_per_key": Flag(),
    "concurrency": Number(1, MOST),
    "concurrency_per_key": Number(1, MOST),
    "depth": Number(1, MOST),
}
"""Of `Limits(…)`."""
QUEUE_CONFIG: Mapping[str, Limit] = {
    "timeout": _LONGEST,
    "result_ttl": _LONGEST,
    "wait_for_room": Flag(),
    "max_crashes": Number(1, 1000),
    "dead_letters": Number(1, MOST),
    "dead_seconds": _LONGEST,
}
"""Of `QueueConfig(…)`."""
BATCH: Mapping[str, Limit] = {
    "name": RESOURCE_NAME,
    "parallelism": Number(1, MAX_ITEMS),
    "max_failures": Number(0, MAX_ITEMS),
    "max_failure_ratio": Number(0, 1, whole=False),
    "deadline": _LONGEST,
    "ttl": Seconds(above=False, endless=True),
}
"""Of `app.batch(…)`."""


def checked_fields(where: str, limits: Mapping[str, Limit], given: Mapping[str, object]) -> dict[str, object]:
    """Those of `given` that have a limit, as Penstock keeps them; None is nothing that was asked for."""
    return {
        name: None if given[name] is None else limit.checked(where, name, given[name])
        for name, limit in limits.items()
        if name in given
    }


def checked_struct(where: str, limits: Mapping[str, Limit], given: S) -> S:
    """The same with its fields as Penstock keeps them; None only where that is the default."""
    found = structs.asdict(given)
    optional = {field.name for field in structs.fields(given) if field.default is None}
    asked = {
        name: value for name, value in found.items() if name in limits and not (value is None and name in optional)
    }
    return structs.replace(given, **{name: limits[name].checked(where, name, value) for name, value in asked.items()})


# --- sizes ---------------------------------------------------------------------------------------------------------


def mib(size: int) -> str:
    """A number of bytes for people."""
    return f"{size:,} bytes" if size < 2**20 else f"{size / 2**20:.1f} MiB"


class Sealed(Protocol):
    """A message, as far as its size goes."""

    @property
    def payload(self) -> Sized: ...


def portions(messages: Sequence[Sealed], most: int = ROUND_TRIP_BYTES) -> Iterator[slice]:
    """Where to cut messages, so that each part is one round trip's worth. A large message is a part of its own."""
    first, size = 0, 0
    for place, message in enumerate(messages):
        length = len(message.payload)
        if length > LARGE_BYTES:
            length = most
        if place > first and (size + length > most or place - first == ROUND_TRIP_MESSAGES):
            yield slice(first, place)
            first, size = place, 0
        size += length
    if first < len(messages):
        yield slice(first, len(messages))

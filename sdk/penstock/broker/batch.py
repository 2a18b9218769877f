"""A batch as a broker keeps it, as data: many items of one task, which are ordinary tasks with ids of their own (see
`keys.item_id`). Beside them the broker keeps the batch's terms and a byte for each item."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from penstock.keys import Priority

__all__ = ["CANCELLED", "FAILED", "NOT_SENT", "QUEUED", "SUCCEEDED", "BatchItems", "BatchTerms", "Hold"]

# An item's byte. QUEUED are all that were sent and haven't ended, those that are held back included.
NOT_SENT, QUEUED, SUCCEEDED, FAILED, CANCELLED = b"\0", b"q", b"s", b"f", b"c"


class Hold(StrEnum):
    """What keeps a batch's items from starting."""

    NONE = ""
    SUSPENDED = "suspended"
    STOPPED = "stopped"  # for good: what is sent from now on is cancelled at once


class BatchTerms(Struct, frozen=True, kw_only=True):
    """How a batch is to be run. `parallelism` items at a time are on their queue or run (None: any number); more than
    `max_failures` failed ones stop it. All that is kept of it stays for `life` seconds. `run` is that of a new one."""

    id: str
    run: int = 1
    parallelism: int | None = None
    max_failures: int | None = None
    hold: Hold = Hold.NONE
    priority: Priority = "normal"
    life: float


class BatchItems(Struct, frozen=True):
    """How a batch's items stand: a byte for each from the first to the last that was sent, and how many of the QUEUED
    are held back. `retrying`: of what didn't succeed before `run`, some isn't taken up again yet."""

    items: bytes
    held: int
    run: int
    retrying: bool

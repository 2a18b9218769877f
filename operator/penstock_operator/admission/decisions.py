"""What may be decided about a Task, and what that depends on beside the Task itself. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.resources.limits import DEFAULT_TTL_SECONDS
from penstock.resources.task import OnFailure
from penstock.status import Phase

__all__ = ["Admit", "Await", "Cancel", "Decision", "Expire", "Hold", "Parent", "QueueRules", "Refuse", "Surroundings"]


@dataclass(frozen=True, slots=True)
class Admit:
    """Put it on its queue."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now, and off its queue if it waits there. It is Blocked until that changes."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Await:
    """Not yet: others must end first. Once it was queued, they don't matter any more."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never: it fails, unless it has begun meanwhile."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """It is to be cancelled, whatever it does."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Expire:
    """It has ended; delete it at this time. None: not as long as others depend on it."""

    at: float | None


Decision = Admit | Hold | Await | Refuse | Cancel | Expire


@dataclass(frozen=True, slots=True)
class QueueRules:
    """What a Task's TaskQueue, or its namespace's default one, says of who may come. `known`: the namespace's queues,
    where one has to exist and this one doesn't."""

    ttl: int | None = None
    allowed: tuple[str, ...] = ()
    exists: bool = True
    known: tuple[str, ...] = ()

    def life(self, own: int | None) -> int:
        """Seconds that what has ended stays; `own` is what its spec says."""
        return next(seconds for seconds in (own, self.ttl, DEFAULT_TTL_SECONDS) if seconds is not None)


@dataclass(frozen=True, slots=True)
class Parent:
    """One that a Task depends on: its phase (None: there is no such Task), and whether that is its end."""

    name: str
    on_failure: OnFailure
    phase: Phase | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`released`: it is known to have been queued. `awaited`: one that depends on it hasn't ended. `cycle`: the way
    from it back to itself."""

    now: float
    queue: QueueRules = QueueRules()
    parents: Sequence[Parent] = ()
    cycle: Sequence[str] = ()
    released: bool = False
    awaited: bool = False

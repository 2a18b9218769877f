"""What a broker is. Two implement it, `streams` (Redis) and `memory`; `tests/contract` says what each call promises.

The way of a message: send → claim → begin → (renew …) → settle. Everything takes and gives batches, so that an
implementation may spend one round trip on many tasks. Times are seconds.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from penstock.envelope import Envelope
from penstock.outcome import Outcome
from penstock.retry import RetryPolicy
from penstock.status import Phase

__all__ = [
    "Begun",
    "Broker",
    "Cancellation",
    "Delivery",
    "Depth",
    "Lease",
    "QueueConfig",
    "Renewal",
    "Settlement",
    "Snapshot",
    "Verb",
    "Verdict",
]


class Delivery(Struct, frozen=True):
    """A claimed message: `stream` is the index of its priority (1–4), `entry` its place there."""

    queue: str
    stream: int
    entry: str
    id: str
    message: bytes


class Verdict(StrEnum):
    """What beginning a claimed message came to."""

    RUN = "run"
    LOST = "lost"  # somebody else owns it by now
    DONE = "done"  # it had ended already; dropped
    CANCELLED = "cancelled"  # cancelled while it waited: settle it so
    CRASHED = "crashed"  # it has killed too many workers: settle it so


class Lease(Struct, frozen=True):
    """The right to settle one task. Whoever begins it next voids the nonce."""

    queue: str
    stream: int
    entry: str
    id: str
    nonce: str


class Begun(Struct, frozen=True):
    """The answer to `begin`: times are the broker's clock, `attempts` counts this start."""

    lease: Lease
    verdict: Verdict
    attempts: int
    crashes: int
    queued_at: float
    started_at: float


class Renewal(StrEnum):
    """What renewing a lease came to."""

    HELD = "held"
    LOST = "lost"
    CANCEL = "cancel"  # held, and a cancellation waits


class Verb(StrEnum):
    """How an attempt ends."""

    END = "end"  # terminal
    RETRY = "retry"  # queued again after `delay`
    RELEASE = "release"  # handed back at once; the attempt doesn't count
    PARK = "park"  # nobody here knows its name: it waits outside the depth for a worker that does


class Settlement(Struct, frozen=True, kw_only=True):
    """The end of an attempt: acknowledged and recorded in one step. `life`: how long the record stays."""

    lease: Lease
    verb: Verb
    message: bytes
    phase: Phase
    outcome: Outcome | None = None
    delay: float = 0.0
    life: float


class Cancellation(StrEnum):
    """What cancelling came to."""

    UNKNOWN = "unknown"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    REQUESTED = "requested"  # it runs; its worker has been told


class Snapshot(Struct, frozen=True):
    """A task as the broker knows it now."""

    phase: Phase
    attempts: int = 0
    worker: str = ""
    outcome: Outcome | None = None
    progress: bytes | None = None


class Depth(Struct, frozen=True):
    """What a queue holds. `due` are delayed tasks whose time has come; `oldest` is the longest wait,
    seconds; `consumers` are those that hold something."""

    ready: int = 0
    delayed: int = 0
    due: int = 0
    in_flight: int = 0
    dead: int = 0
    parked: int = 0
    oldest: float = 0.0
    consumers: frozenset[str] = frozenset()

    @property
    def backlog(self) -> int:
        """All that wants a worker now, work in flight included."""
        return self.ready + self.due + self.in_flight


class QueueConfig(Struct, frozen=True, omit_defaults=True):
    """A TaskQueue's settings as its workers and submitters obey them."""

    retry: RetryPolicy | None = None
    timeout: float | None = None
    result_ttl: float | None = None
    max_crashes: int = 3
    dead_letters: int = 10_000


class Broker(Protocol):
    """A queue server. Calls raise SubmissionError or NotConnected when it can't be reached."""

    async def send(self, messages: Sequence[Envelope]) -> list[bool]:
        """Queue each message once. False where its id is known already. All are of one queue."""

    async def claim(self, queue: str, consumer: str, budget: int, *, wait: float = 0.0) -> list[Delivery]:
        """Take up to `budget` messages; if there are none, wait up to `wait` seconds for the next few."""

    async def reclaim(self, queue: str, consumer: str, budget: int, *, lease: float) -> list[Delivery]:
        """Take over what no worker has renewed for `lease` seconds."""

    async def begin(
        self, deliveries: Sequence[Delivery], consumer: str, worker: str, *, max_crashes: int
    ) -> list[Begun]:
        """Take the leases and count the attempts."""

    def renew(self, leases: Sequence[Lease], consumer: str) -> list[Renewal]:
        """Keep the leases. Blocking, for a thread of its own: a busy event loop must not lose them."""

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """Record progress (JSON). False if the lease is lost."""

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End attempts. False where the lease is lost; then nothing was written. All are of one queue."""

    async def unclaim(self, deliveries: Sequence[Delivery], consumer: str) -> None:
        """Put back what was claimed and not begun."""

    async def bury(self, delivery: Delivery, outcome: Outcome, *, life: float) -> None:
        """Dead-letter what can't be understood."""

    async def promote(self, queue: str) -> float | None:
        """Make due messages claimable. Seconds until the next is due, or None."""

    async def parked(self, queue: str, limit: int) -> list[Delivery]:
        """Some of the parked messages; `entry` is empty."""

    async def unpark(self, queue: str, ids: Sequence[str]) -> None:
        """Make parked messages ready again."""

    async def cancel(self, outcome: Outcome, *, reason: str, life: float) -> tuple[Cancellation, int]:
        """Cancel the task that `outcome` names. If it still waits, that is recorded. Gives its attempts besides."""

    async def withdraw(self, id: str) -> Cancellation:
        """Take a waiting task off its queue as if it had never been sent (CANCELLED). What runs goes on (REQUESTED)."""

    async def snapshots(self, ids: Sequence[str]) -> list[Snapshot | None]:
        """How tasks stand; None where nothing is known (never queued, expired or lost)."""

    async def wait(self, id: str) -> Outcome | None:
        """Return when the task has ended; None if nothing is known of it."""

    async def depth(self, queues: Sequence[str], *, horizon: float = 0.0) -> dict[str, Depth]:
        """What the queues hold; `due` looks `horizon` seconds ahead. Raises rather than guess."""

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """Outcomes that nobody has reported yet."""

    async def clear(self, outcomes: Sequence[Outcome]) -> None:
        """Strike reported outcomes off the outbox."""

    async def configure(self, queue: str, config: QueueConfig | None) -> None:
        """Publish a TaskQueue's settings; None: back to the defaults."""

    async def config(self, queue: str) -> QueueConfig:
        """The queue's settings."""

    def cancellations(self, queues: Sequence[str]) -> AsyncGenerator[str, None]:
        """Ids of running tasks to cancel, for as long as it is iterated. May miss some: `renew` tells of those."""

    async def leave(self, queue: str, consumer: str) -> None:
        """Forget a consumer that has nothing pending."""

    async def ping(self) -> None:
        """Raise NotConnected unless the broker answers."""

    async def close(self) -> None:
        """Give up all connections."""

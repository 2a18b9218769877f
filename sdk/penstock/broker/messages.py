"""What goes in and out of a broker, as data. Times are seconds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from penstock.outcome import Outcome
from penstock.retry import RetryPolicy
from penstock.status import Phase

__all__ = [
    "Attendance",
    "Begun",
    "Cancellation",
    "Claimed",
    "Claimer",
    "DeadLetter",
    "Delivery",
    "Depth",
    "Ended",
    "Lease",
    "Limits",
    "QueueConfig",
    "Receipt",
    "Reclaimed",
    "Renewal",
    "Revision",
    "Sent",
    "Settlement",
    "Signal",
    "Snapshot",
    "Supply",
    "Verb",
    "Verdict",
]


class Sent(StrEnum):
    """What sending one message came to."""

    QUEUED = "queued"
    KNOWN = "known"  # its id was sent before
    DUPLICATE = "duplicate"  # another task holds its idempotency key
    FULL = "full"  # the queue's maxDepth is reached; nothing was queued


class Receipt(Struct, frozen=True):
    """The answer to one message. `id` is its own, or the one that holds its idempotency key."""

    sent: Sent
    id: str


class Claimer(Struct, frozen=True):
    """Who claims: `consumer` is unique per process incarnation, `worker` the name that tasks show."""

    consumer: str
    worker: str


class Verdict(StrEnum):
    """What is to be done with a claimed task."""

    RUN = "run"
    CANCELLED = "cancelled"  # cancelled while it waited: settle it so
    CRASHED = "crashed"  # it has killed too many workers: settle it so


class Lease(Struct, frozen=True):
    """The right to settle one task. Whoever is given the next voids the nonce."""

    queue: str
    id: str
    nonce: str


class Begun(Struct, frozen=True):
    """A task that is its claimer's to run. Times are the broker's clock, `attempts` counts this start; `checkpoint` is
    what the last ones have kept, JSON. `starts` counts those attempts, too, that were handed back."""

    lease: Lease
    verdict: Verdict
    message: bytes
    attempts: int
    crashes: int
    queued_at: float
    started_at: float
    checkpoint: bytes = b""
    starts: int = 1


class Delivery(Struct, frozen=True):
    """A message that waits to be begun: `stream` is the index of the place (1 is the most urgent), `entry` its id.

    With a `nonce` it may be started as soon as the claim that names it is on its way, for nothing limited its start
    when it was sent; the nonce is its lease's, if the claim is granted. `queued_at` is known of such only.
    """

    queue: str
    stream: int
    entry: str
    id: str
    message: bytes
    nonce: str = ""
    queued_at: float = 0.0

    @property
    def presumed(self) -> Begun:
        """What the claim will say, if it is granted: it is fresh, and whoever listens gets it at once."""
        lease = Lease(self.queue, self.id, self.nonce)
        return Begun(lease, Verdict.RUN, self.message, 1, 0, self.queued_at, self.queued_at)


class Claimed(Struct, frozen=True):
    """What a claim brought. `wait`: the queue's limits let nothing start for so many seconds (or until a signal).
    `suspects`: how many tasks wait to be run alone. `now`: the broker's time."""

    begun: list[Begun]
    wait: float = 0.0
    suspects: int = 0
    now: float = 0.0


class Reclaimed(Struct, frozen=True):
    """How many abandoned tasks were put back, and how many suspects wait now."""

    moved: int
    suspects: int


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
    CRASH = "crash"  # it took its own process down; it runs again


class Settlement(Struct, frozen=True, kw_only=True):
    """The end of an attempt: acknowledged and recorded in one step. `life`: how long the outcome stays."""

    lease: Lease
    verb: Verb
    phase: Phase
    outcome: Outcome | None = None
    delay: float = 0.0
    life: float = 0.0


class Cancellation(StrEnum):
    """What cancelling came to."""

    UNKNOWN = "unknown"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    REQUESTED = "requested"  # it runs; its worker has been told


class Revision(StrEnum):
    """What changing a waiting task came to."""

    UNKNOWN = "unknown"
    FINISHED = "finished"
    RUNNING = "running"  # too late: nothing was changed
    LINKED = (
        "linked"  # others wait for it or it for them, of which the other message knows nothing: nothing was changed
    )
    REVISED = "revised"


class Supply(Struct, frozen=True):
    """An input for a task that waits: its JSON or, where its source failed, None, and how the task ends if it can't do
    `otherwise`. `number` FAILURES_ONLY is for that alone: a failure that ends tolerant tasks, too."""

    id: str
    number: int
    value: bytes | None
    otherwise: Outcome | None = None


class Ended(Struct, frozen=True):
    """An ended task of whose end others must hear: its message tells who, and `children` those that it started as its
    own. `waits`: it was still waiting for so many inputs."""

    outcome: Outcome
    message: bytes
    children: Sequence[str] = ()
    waits: int = 0


class Snapshot(Struct, frozen=True):
    """A task as the broker knows it now."""

    phase: Phase
    attempts: int = 0
    worker: str = ""
    outcome: Outcome | None = None
    progress: bytes | None = None


class Attendance(Struct, frozen=True):
    """A worker process as it last said of itself, `seen` seconds ago. `busy`: tasks that it runs. `resting`: it was
    cordoned, claims nothing any more, and has nothing left to do."""

    consumer: str
    worker: str
    busy: int = 0
    resting: bool = False
    seen: float = 0.0


class Depth(Struct, frozen=True):
    """What a queue holds. `due` are delayed tasks whose time has come, `gated` those that wait for their concurrency
    key, `blocked` for other tasks; `ended` those of whose end others haven't been told; `oldest` is the longest wait,
    seconds; `holding` says how many tasks each consumer holds that holds any.

    `by_priority`: what of `ready` was never claimed, most urgent first. `arrived` tasks have become ready, `settled`
    attempts have ended and took `ran` seconds, since the queue was made: only differences mean anything, and a value
    that has fallen means that Redis has lost what it knew.

    `places`: how many more may start beside those in flight (None: no limit). `burst` may start at once as far as the
    rate goes, and `rate` a second after that (None: no limit). `workers` attend the queue as the first of theirs.
    """

    ready: int = 0
    delayed: int = 0
    due: int = 0
    gated: int = 0
    in_flight: int = 0
    dead: int = 0
    parked: int = 0
    blocked: int = 0
    ended: int = 0
    oldest: float = 0.0
    holding: dict[str, int] = {}
    paused: bool = False
    by_priority: tuple[int, int, int, int] = (0, 0, 0, 0)
    arrived: int = 0
    settled: int = 0
    ran: float = 0.0
    places: int | None = None
    burst: int | None = None
    rate: float | None = None
    workers: tuple[Attendance, ...] = ()

    @property
    def consumers(self) -> frozenset[str]:
        """Those that hold something."""
        return frozenset(self.holding)

    @property
    def backlog(self) -> int:
        """All that wants a worker now, work in flight included, and word that is still to be passed on."""
        return self.ready + self.due + self.in_flight + self.ended


class DeadLetter(Struct, frozen=True):
    """A dead-lettered task, kept for replay. The reason is the outcome's failure (None once that has expired)."""

    id: str
    since: float
    message: bytes
    outcome: Outcome | None = None


class Limits(Struct, frozen=True, omit_defaults=True):
    """What may start, over all workers. `rate` tasks start in `period` seconds, `burst` of them at once;
    `concurrency` run in the whole queue, `concurrency_per_key` of those with the same key; `depth` may wait."""

    rate: int | None = None
    period: float = 1.0
    burst: int = 1
    rate_per_key: bool = False
    concurrency: int | None = None
    concurrency_per_key: int | None = None
    depth: int | None = None


class QueueConfig(Struct, frozen=True, omit_defaults=True):
    """A TaskQueue's settings as its workers and submitters obey them. `wait_for_room`: a submitter of a full queue
    waits instead of being refused. Dead letters are kept for `dead_seconds`, and `dead_letters` of them."""

    retry: RetryPolicy | None = None
    timeout: float | None = None
    result_ttl: float | None = None
    limits: Limits = Limits()
    wait_for_room: bool = False
    max_crashes: int = 3
    dead_letters: int = 10_000
    dead_seconds: float = 604_800.0


class Signal(Struct, frozen=True):
    """What workers are told at once: `cancel` a running task (value: its id), `open` (a limited queue has room),
    `settings` (they changed), `broadcast` (there is one), `ended` (a task did, and others must hear of it), `cordon`
    (of some it was laid or lifted); for all but the first the value is the queue."""

    kind: str
    value: str

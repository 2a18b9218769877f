"""What the broker in memory holds: tasks that aren't finished, outcomes, and queues of messages. The counterpart of
`shared.lua`, and named as there."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.broker.memory.bell import Bell
from penstock.broker.memory.crew import Crew
from penstock.broker.messages import Delivery, Ended, QueueConfig, Signal
from penstock.envelope import Unique
from penstock.keys import queue_of
from penstock.links import Links
from penstock.outcome import Outcome

if TYPE_CHECKING:
    from penstock.broker.memory.lot import Lot

__all__ = ["PLACES", "RELEASED", "SUSPECT", "Claim", "Listener", "Memory", "QueueState", "State"]

RELEASED, SUSPECT = 5, 6
PLACES = range(1, SUSPECT + 1)


@dataclass
class State:
    """An unfinished task, or a dead letter. `entry` is its place in `stream` while it is ready or claimed; `nonce` its
    lease. `starts` counts those attempts, too, that were handed back."""

    message: bytes
    priority: int
    stream: int = 0
    entry: str = ""
    nonce: str = ""
    worker: str = ""
    attempts: int = 0
    starts: int = 0
    crashes: int = 0
    queued_at: float = 0.0
    started_at: float = 0.0
    retrying: bool = False
    cancel: str = ""
    key: str | None = None
    paced: bool = False
    unique: Unique | None = None
    progress: bytes | None = None
    checkpoint: bytes = b""
    links: Links | None = None
    waits: int = 0
    due: float = 0.0
    after: float = 0.0
    ready_at: float | None = None
    inputs: dict[int, bytes] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    ended: Bell = field(default_factory=Bell)


@dataclass
class Claim:
    """A claimed message: who has it and when it was last renewed."""

    delivery: Delivery
    consumer: str
    renewed_at: float


@dataclass(eq=False)
class Listener:
    """Who hears of signals."""

    queues: frozenset[str]
    heard: deque[Signal] = field(default_factory=deque)
    bell: Bell = field(default_factory=Bell)


@dataclass
class QueueState:
    """One queue. `delayed`, `paced` (until the rate of their concurrency key lets them start), `parked`, `blocked` and
    `dead` are ids by their times, `gated` those that wait for a place of their concurrency key, in order, and `holders`
    those that have one; `rate` holds theoretical arrival times by key, "" for the whole queue's. `pushed` tasks have
    become ready so far, `settled` attempts have ended and took `ran` seconds. `dozing`: its next task wakes."""

    ready: dict[int, deque[Delivery]] = field(default_factory=lambda: {place: deque() for place in PLACES})
    claimed: dict[str, Claim] = field(default_factory=dict)
    delayed: dict[str, float] = field(default_factory=dict)
    paced: dict[str, float] = field(default_factory=dict)
    parked: dict[str, float] = field(default_factory=dict)
    dead: dict[str, tuple[float, State]] = field(default_factory=dict)
    gated: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    holders: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    rate: dict[str, float] = field(default_factory=dict)
    unique: dict[str, tuple[str, float]] = field(default_factory=dict)
    outbox: dict[str, Outcome] = field(default_factory=dict)
    blocked: dict[str, float] = field(default_factory=dict)
    ended: dict[str, tuple[float, Ended]] = field(default_factory=dict)
    broadcasts: list[bytes] = field(default_factory=list)
    config: QueueConfig = field(default_factory=QueueConfig)
    paused: bool = False
    somebody_waits: bool = False
    pushed: int = 0
    settled: int = 0
    ran: float = 0.0
    crew: Crew = field(default_factory=Crew)
    dozing: bool = False
    arrived: Bell = field(default_factory=Bell)


class Memory:
    """All queues of one namespace, and the moves of a message between its places."""

    def __init__(self, clock: Callable[[], float], woken: Callable[[str], None] = lambda _: None) -> None:
        """`woken` hears of queues where something has come, if somebody asked for it."""
        self.clock = clock
        self._woken = woken
        self.queues: defaultdict[str, QueueState] = defaultdict(QueueState)
        self.tasks: dict[str, State] = {}
        self.listeners: set[Listener] = set()
        self.lots: dict[str, Lot] = {}  # batches by their ids
        self._outcomes: dict[str, tuple[Outcome, float]] = {}
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """The next of a growing row: entries, nonces."""
        return next(self._numbers)

    def outcome(self, id: str) -> Outcome | None:
        """How a task ended, unless that has expired."""
        outcome, until = self._outcomes.get(id, (None, 0.0))
        if outcome is not None and until <= self.clock():
            del self._outcomes[id]
            return None
        return outcome

    def record(self, outcome: Outcome, life: float) -> None:
        """Keep an outcome for `life` seconds."""
        self._outcomes[outcome.id] = (outcome, self.clock() + life)

    def expire(self) -> None:
        """Forget the outcomes whose time is over."""
        now = self.clock()
        self._outcomes = {id: kept for id, kept in self._outcomes.items() if kept[1] > now}

    def forget(self, id: str) -> None:
        """Keep it no longer."""
        self._outcomes.pop(id, None)

    def lot(self, batch: str) -> Lot | None:
        """A batch, unless it is unknown or has expired."""
        lot = self.lots.get(batch)
        if lot is not None and lot.until <= self.clock():
            del self.lots[batch]
            return None
        return lot

    def push(self, id: str, state: State, place: int, *, free: bool = False) -> None:
        """Make a message claimable; a free one may be started as soon as it is read."""
        queue = queue_of(id)
        state.stream, state.entry = place, str(self.number())
        nonce, queued_at = (str(self.number()), state.queued_at) if free else ("", 0.0)
        self.queues[queue].ready[place].append(Delivery(queue, place, state.entry, id, state.message, nonce, queued_at))
        self.queues[queue].pushed += place != RELEASED  # that it had arrived was counted before
        self.queues[queue].arrived.ring()
        self.wake(queue)

    def delay(self, id: str, due: float) -> None:
        """Lay it aside until then."""
        self.queues[queue_of(id)].delayed[id] = due
        self.wake(queue_of(id))

    def wake(self, name: str) -> None:
        """Tell whoever has asked for it that there is something to do, once."""
        if self.queues[name].dozing:
            self.queues[name].dozing = False
            self._woken(name)

    def wait(self, id: str, state: State, due: float, place: int) -> None:
        """Make it claimable there or, until it is due, lay it aside."""
        now = self.clock()
        state.queued_at = max(now, due)
        if due > now:
            self.delay(id, due)
        else:
            self.push(id, state, place)

    def drop(self, id: str, state: State) -> None:
        """Take its message off, ready or claimed."""
        queue = self.queues[queue_of(id)]
        if state.entry and queue.claimed.pop(state.entry, None) is None:
            place = queue.ready[state.stream]
            queue.ready[state.stream] = deque(delivery for delivery in place if delivery.entry != state.entry)
        state.entry = ""

    def unhold(self, id: str, state: State) -> None:
        """Take it out of wherever it waits beside the streams."""
        queue = self.queues[queue_of(id)]
        queue.delayed.pop(id, None)
        queue.paced.pop(id, None)
        queue.parked.pop(id, None)
        queue.blocked.pop(id, None)
        if state.key in queue.gated:
            queue.gated[state.key] = [waiting for waiting in queue.gated[state.key] if waiting[2] != id]
            if not queue.gated[state.key]:
                del queue.gated[state.key]

    def signal(self, kind: str, value: str) -> None:
        """Tell the workers that listen to the queue."""
        queue = queue_of(value) if kind == "cancel" else value
        for listener in self.listeners:
            if queue in listener.queues:
                listener.heard.append(Signal(kind, value))
                listener.bell.ring()

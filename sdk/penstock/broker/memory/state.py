"""What the broker in memory holds: records of tasks, and queues of their messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from penstock.broker.memory.bell import Bell
from penstock.broker.protocol import Delivery, Depth, QueueConfig
from penstock.keys import PRIORITIES
from penstock.outcome import Outcome
from penstock.status import Phase

__all__ = ["Claim", "Listener", "QueueState", "Record"]

SHARES = (8, 4, 2, 1)  # of a claim's budget, most urgent first; as in claim.lua


@dataclass
class Record:
    """One task. `entry` is its place in a stream while it is ready or claimed."""

    message: bytes
    stream: int
    queued_at: float
    phase: Phase = Phase.QUEUED
    entry: str = ""
    attempts: int = 0
    crashes: int = 0
    worker: str = ""
    nonce: str = ""
    cancel: str = ""
    outcome: Outcome | None = None
    progress: bytes | None = None
    expires_at: float = float("inf")
    ended: Bell = field(default_factory=Bell)


@dataclass
class Claim:
    """A claimed message: who has it and when it was last renewed."""

    delivery: Delivery
    consumer: str
    renewed_at: float


@dataclass
class QueueState:
    """One queue: `ready` by priority (1–4), `claimed` by entry, `delayed` and `parked` ids by their times."""

    ready: dict[int, deque[Delivery]] = field(default_factory=lambda: {i + 1: deque() for i in range(len(PRIORITIES))})
    claimed: dict[str, Claim] = field(default_factory=dict)
    delayed: dict[str, float] = field(default_factory=dict)
    parked: dict[str, float] = field(default_factory=dict)
    dead: list[Delivery] = field(default_factory=list)
    outbox: dict[str, Outcome] = field(default_factory=dict)
    config: QueueConfig = field(default_factory=QueueConfig)
    arrived: Bell = field(default_factory=Bell)

    def take(self, consumer: str, budget: int, now: float) -> list[Delivery]:
        """Claim up to `budget` messages: first each priority's share, so that nothing starves; then the most urgent."""
        taken: list[Delivery] = []
        quotas = [max(1, budget * share // sum(SHARES)) for share in SHARES] + [budget] * len(SHARES)
        for stream, quota in zip([*self.ready.values()] * 2, quotas, strict=True):
            for _ in range(min(quota, budget - len(taken), len(stream))):
                taken.append(stream.popleft())  # noqa: PERF401 — the bounds change as it goes
        self.claimed |= {delivery.entry: Claim(delivery, consumer, now) for delivery in taken}
        return taken

    def depth(self, record: Callable[[str], Record | None], now: float, horizon: float) -> Depth:
        """What it holds."""
        waiting = [delivery for stream in self.ready.values() for delivery in stream]
        queued = [known.queued_at for delivery in waiting if (known := record(delivery.id))]
        due = sum(at <= now + horizon for at in self.delayed.values())
        return Depth(
            len(waiting),
            len(self.delayed) - due,
            due,
            len(self.claimed),
            len(self.dead),
            len(self.parked),
            max(0.0, now - min(queued)) if queued else 0.0,
            frozenset(claim.consumer for claim in self.claimed.values()),
        )


@dataclass(eq=False)
class Listener:
    """Who hears of cancellations."""

    heard: deque[str] = field(default_factory=deque)
    bell: Bell = field(default_factory=Bell)

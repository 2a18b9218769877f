"""Tells of a broker's outages: a line when one begins, one every half minute, one when it is over.

A worker has a dozen loops that each meet it, several times a second. They say here how their calls went.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from penstock.errors import NotConnected, PenstockError
from penstock.worker.tally import Tally

__all__ = ["Call", "Failed", "News", "Outage", "Standing", "failed", "worked"]

log = logging.getLogger("penstock.worker")
REMIND_SECONDS = 30.0
FORGET_SECONDS = 60.0  # a call that nobody makes any more doesn't keep an outage up; some are made once in so long


class Call(NamedTuple):
    """A kind of call, such as "claim", for one queue: queues may be on different servers of a cluster."""

    kind: str
    queue: str


class Failed(NamedTuple):
    """When a call failed last. `passing`: nothing answered; else the broker did answer, and refused."""

    at: float
    passing: bool


class News(Enum):
    """What is worth a line."""

    BEGUN = "begun"
    REFUSED = "refused"  # something answers, but refuses: that was not yet told
    LASTS = "lasts"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Standing:
    """What fails now, since when something has failed without a break, and when that was told last."""

    since: float = 0.0
    told_at: float = 0.0
    failing: Mapping[Call, Failed] = field(default_factory=dict)


def failed(standing: Standing, call: Call, now: float, *, passing: bool) -> tuple[Standing, News | None]:
    """How it stands after a call has failed, and what is worth telling."""
    failing = {**standing.failing, call: Failed(now, passing)}
    if not standing.failing:
        return Standing(now, now, failing), News.BEGUN if passing else News.REFUSED
    if not passing and all(one.passing for one in standing.failing.values()):
        return Standing(standing.since, now, failing), News.REFUSED
    if now - standing.told_at >= REMIND_SECONDS:
        return Standing(standing.since, now, failing), News.LASTS
    return replace(standing, failing=failing), None


def worked(standing: Standing, call: Call, now: float) -> tuple[Standing, News | None]:
    """The same after a call was answered: so its queue's server is there; what it has refused to others, it may go on
    to refuse."""
    if not standing.failing:
        return standing, None
    still = {
        other: one
        for other, one in standing.failing.items()
        if other != call and not (one.passing and other.queue == call.queue) and now - one.at < FORGET_SECONDS
    }
    return (replace(standing, failing=still), None) if still else (Standing(), News.OVER)


@dataclass(eq=False)
class Outage:
    """One worker's. From any thread."""

    tally: Tally = field(default_factory=Tally)
    clock: Callable[[], float] = time.monotonic
    _standing: Standing = field(default_factory=Standing)
    _why: str = ""  # the last failure
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, kind: str, queue: str, error: PenstockError | TimeoutError) -> None:
        """Such a call failed; it is made again."""
        self.tally.failures[kind] += 1
        passing = isinstance(error, NotConnected | TimeoutError)
        call, now = Call(kind, queue), self.clock()
        with self._turn:
            self._standing, news = failed(self._standing, call, now, passing=passing)
            standing = self._standing
        why = self._why = str(error) or "it doesn't answer"
        if news is News.BEGUN:
            log.warning(
                "the broker is away (%s, queue %s): %s. What runs goes on, and is settled when it is back; nothing new "
                "is started",
                *(kind, queue, why),
            )
        elif news is News.REFUSED:
            log.error("the broker refuses a call (%s, queue %s), trying again: %s", kind, queue, why)
        elif news is News.LASTS:
            kinds = ", ".join(sorted({one.kind for one in standing.failing}))
            log.warning("the broker has been away for %.0f s (%s): %s", now - standing.since, kinds, why)

    def worked(self, kind: str, queue: str) -> None:
        """Such a call was answered."""
        if not self._standing.failing:  # nearly always
            return
        now = self.clock()
        with self._turn:
            since = self._standing.since
            self._standing, news = worked(self._standing, Call(kind, queue), now)
        if news is News.OVER:
            log.warning("the broker is back after %.1f s; the last failure was: %s", now - since, self._why)

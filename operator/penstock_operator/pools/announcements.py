"""Telling of changed decisions by Events: each pool's at once, then at most one in ten seconds, which stands for all
changes since the last one. When many pools change together, they take turns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from penstock_operator.api import Key
from penstock_operator.autoscale.decision import Decision
from penstock_operator.events import Events, Subject

__all__ = ["Announcement", "Announcements", "Board"]

log = logging.getLogger("penstock.operator")
PAUSE_SECONDS = 10.0
LOOK_SECONDS = 0.5
AT_ONCE = 8  # 16 a second, which leaves some of the Events' budget to others
WORRYING = frozenset({"BrokerUnreachable", "Fallback", "PodsCannotStart"})


@dataclass(frozen=True, slots=True)
class Announcement:
    """From `before` to `after`, by so many changes."""

    about: Subject
    before: int
    after: Decision
    changes: int = 1

    @property
    def type(self) -> Literal["Normal", "Warning"]:
        """As Kubernetes sorts Events."""
        return "Warning" if self.after.reason in WORRYING else "Normal"

    @property
    def reason(self) -> str:
        """A CamelCase word."""
        if self.before == self.after.replicas:
            return "DecisionChanged"
        return "ScaledOut" if self.after.replicas > self.before else "ScaledIn"

    @property
    def note(self) -> str:
        """A sentence."""
        times = f" ({self.changes} changes)" if self.changes > 1 else ""
        count = self.after.replicas
        moved = f"{self.before} → {count}" if self.before != count else f"{count}"
        return f"{moved} replicas{times}: {self.after.reason}: {self.after.message}"


class Board:
    """What is to be announced, and when. Pure: the clock is given."""

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        self._pause = pause
        self._waiting: dict[Key, Announcement] = {}
        self._told: dict[Key, float] = {}  # in the order of their times

    def put(self, about: Subject, before: int, after: Decision) -> None:
        """A decision has changed. What already waits of that pool is told together with it."""
        key = (about.namespace, about.name)
        if (waits := self._waiting.get(key)) is not None and waits.about.uid == about.uid:
            self._waiting[key] = Announcement(about, waits.before, after, waits.changes + 1)
        else:
            self._waiting[key] = Announcement(about, before, after)

    def take(self, at: float, most: int) -> list[Announcement]:
        """Those whose time has come, in the order of their first change; the rest goes on waiting."""
        self._forget_before(at - self._pause)
        due = list(islice((key for key in self._waiting if key not in self._told), most))
        self._told |= dict.fromkeys(due, at)
        return [self._waiting.pop(key) for key in due]

    def drop(self, key: Key) -> None:
        """That pool is gone."""
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Somebody else tells from now on."""
        self._waiting.clear()

    def _forget_before(self, at: float) -> None:
        while self._told and next(iter(self._told.values())) <= at:
            del self._told[next(iter(self._told))]


class Announcements:
    """Writes them, while `run` runs. `changed` costs a microsecond."""

    def __init__(
        self, events: Events, clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` dates the Events, `steady` measures the pauses."""
        self._events = events
        self._clock = clock
        self._steady = steady
        self._board = Board()

    def changed(self, about: Subject, before: int, after: Decision) -> None:
        """The pool had `before` replicas, and now that decision."""
        self._board.put(about, before, after)

    def gone(self, key: Key) -> None:
        """The pool was deleted."""
        self._board.drop(key)

    async def run(self) -> None:
        """For ever, while this operator leads."""
        self._board.clear()
        while True:
            await self.tell()
            await asyncio.sleep(LOOK_SECONDS)

    async def tell(self) -> None:
        """Write what is due."""
        for one in self._board.take(self._steady(), AT_ONCE):
            log.info("pool %s/%s: %s", one.about.namespace, one.about.name, one.note)
            await self._events.write(one.about, one.type, one.reason, one.note, at=self._clock())

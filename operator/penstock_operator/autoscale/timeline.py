"""What happened to each pool in the last hour, in bounded memory: looks become steps of 15 s. Pure."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator

from penstock.explanation import Change, Sample, Timeline
from penstock_operator.api import Key
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.signals import Fleet, Signals, Work

__all__ = ["CHANGES", "STEPS", "STEP_SECONDS", "Timelines"]

STEP_SECONDS = 15
STEPS = 240
CHANGES = 100
# A pool that changes all the time takes 12 kB, a quiet one 8.
CHANGES_BYTES = 4096
CHANGE_BYTES = 160  # beside its message
MESSAGE_LIMIT = 300  # characters
COUNTS, FIGURES = 3, 5  # of a step
MOST = 2**16 - 1


class Timelines:
    """Of all pools: what was decided, and from what."""

    def __init__(self) -> None:
        self._tracks: dict[Key, _Track] = {}

    def add(self, key: Key, at: float, decision: Decision, signals: Signals) -> None:
        """A pool was looked at, `at` seconds since the epoch; 2 µs."""
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track()
        track.add(at, decision, signals)

    def forget(self, key: Key) -> None:
        """It is gone."""
        self._tracks.pop(key, None)

    def of(self, key: Key) -> Timeline | None:
        """The hour before the last look; None where there was none."""
        track = self._tracks.get(key)
        return None if track is None else track.timeline()

    def decided(self) -> list[tuple[Key, str, int]]:
        """(pool, reason, how often that became its decision) since the first look."""
        return [(key, reason, count) for key, track in self._tracks.items() for reason, count in track.decided.items()]


class _Track:
    """One pool's. The steps are a ring: `_steps` says which step (since the epoch) lies in each place."""

    __slots__ = ("_changes", "_counts", "_figures", "_last", "_size", "_step", "_steps", "decided")

    def __init__(self) -> None:
        self._step = 0
        self._steps = array("I", bytes(4 * STEPS))
        self._counts = array("H", bytes(2 * STEPS * COUNTS))  # replicas, ready, busy
        self._figures = array("f", bytes(4 * STEPS * FIGURES))  # of work: last and most waiting, …; NaN: unknown
        self._changes: list[Change] = []
        self._size = 0
        self._last: Decision | None = None
        self.decided: Counter[str] = Counter()

    def add(self, at: float, decision: Decision, signals: Signals) -> None:
        """See Timelines."""
        self._step = step = int(at) // STEP_SECONDS
        place = step % STEPS
        if self._steps[place] != step:
            self._steps[place] = step
            self._figures[place * FIGURES : (place + 1) * FIGURES] = UNKNOWN
        self._count(place * COUNTS, decision.replicas, signals.fleet)
        if signals.work is not None:
            self._measure(place * FIGURES, signals.work)
        if (before := self._last) is not decision:
            self._last = decision
            self._note(at, before, decision)

    def _count(self, at: int, replicas: int, fleet: Fleet) -> None:
        counts = self._counts
        counts[at], counts[at + 1], counts[at + 2] = min(replicas, MOST), min(fleet.ready, MOST), min(fleet.busy, MOST)

    def _measure(self, at: int, work: Work) -> None:
        figures, most = self._figures, self._figures[at + 1]
        figures[at] = work.waiting
        figures[at + 1] = most if most > work.waiting else work.waiting  # no NaN is more
        figures[at + 2] = work.in_flight
        figures[at + 3] = work.oldest
        figures[at + 4] = work.arrival_rate

    def _note(self, at: float, before: Decision | None, now: Decision) -> None:
        if before is not None and (before.replicas, before.reason) == (now.replicas, now.reason):
            return
        self.decided[now.reason] += 1
        if before is not None:
            self._keep(Change(at, before.replicas, now.replicas, now.reason, now.message[:MESSAGE_LIMIT]))

    def _keep(self, change: Change) -> None:
        self._changes.append(change)
        self._size += _size(change)
        while self._size > CHANGES_BYTES or len(self._changes) > CHANGES:
            self._size -= _size(self._changes.pop(0))

    def timeline(self) -> Timeline:
        """The hour before the last look."""
        first = self._step - STEPS + 1
        recent = tuple(change for change in self._changes if change.at >= first * STEP_SECONDS)
        return Timeline(STEP_SECONDS, tuple(self._samples(first)), recent)

    def _samples(self, first: int) -> Iterator[Sample]:
        for step in range(first, self._step + 1):
            place = step % STEPS
            if self._steps[place] == step:
                counts = self._counts[place * COUNTS : (place + 1) * COUNTS]
                figures = self._figures[place * FIGURES : (place + 1) * FIGURES]
                yield Sample(step * STEP_SECONDS, *counts, *map(_known, figures))


UNKNOWN = array("f", [math.nan] * FIGURES)


def _size(change: Change) -> int:
    return CHANGE_BYTES + len(change.message)


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else round(figure, 3)

"""Who works on a queue as the first of theirs, and who of them is to claim nothing more; as in `attend.lua`."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.broker.cordon import Cordon
from penstock.broker.messages import Attendance, Claimer

__all__ = ["Crew"]

GONE_SECONDS = 60.0
PRESENT_SECONDS = 10.0


@dataclass(slots=True)
class _Word:
    """A process's last. It rests until `rests_until` (0: it doesn't)."""

    worker: str
    at: float
    busy: int
    rests_until: float


@dataclass
class Crew:
    """One queue's. `now` is the broker's time."""

    _said: dict[str, _Word] = field(default_factory=dict)  # by consumer
    _cordoned: dict[str, float] = field(default_factory=dict)  # worker → until when

    def attend(self, claimer: Claimer, busy: int, resting: Cordon | None, now: float) -> Cordon | None:
        """Take down a process's word. Returns the cordon of its worker."""
        self._cordoned = {worker: until for worker, until in self._cordoned.items() if until > now}
        until = self._cordoned.get(claimer.worker, 0.0)
        rests_until = min(resting.until, until) if resting else 0.0
        self._said[claimer.consumer] = _Word(claimer.worker, now, busy, rests_until)
        self._said = {consumer: word for consumer, word in self._said.items() if now - word.at < GONE_SECONDS}
        return Cordon(until, now) if until else None

    def leave(self, claimer: Claimer) -> None:
        """Forget one."""
        self._said.pop(claimer.consumer, None)

    def cordon(self, workers: frozenset[str], seconds: float, now: float) -> frozenset[str]:
        """Let them claim nothing for so long, or (0) again. Returns those that attend now."""
        for worker in workers:
            self._cordoned[worker] = now + seconds
        for word in self._said.values():
            if word.worker in workers:
                word.rests_until = min(word.rests_until, now + seconds)
        return workers & {word.worker for word in self._said.values() if now - word.at < PRESENT_SECONDS}

    def attendance(self, now: float) -> tuple[Attendance, ...]:
        """Who attends."""
        return tuple(
            Attendance(consumer, word.worker, word.busy, word.rests_until > now, now - word.at)
            for consumer, word in self._said.items()
            if now - word.at < GONE_SECONDS
        )

"""What a process was asked for by signals: the first asks it to drain, the second to hand back at once, the third to
leave."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["HURRY_SECONDS", "Stop", "Wish", "until", "wish"]

HURRY_SECONDS = 5.0  # for handing back at once


class Wish(Enum):
    """What a signal asks for."""

    DRAIN = "drain"
    HAND_BACK = "hand back"
    LEAVE = "leave"


def wish(signals: int) -> Wish:
    """What the last of so many signals asks for."""
    return {1: Wish.DRAIN, 2: Wish.HAND_BACK}.get(signals, Wish.LEAVE)


def until(before: float | None, asked: Wish, now: float, patience: float) -> float:
    """When the process leaves, whatever still runs in it. `before`: when it would have left so far, None for never;
    `patience`: seconds for a drain and all that follows it."""
    if asked is Wish.LEAVE:
        return now
    latest = now + (patience if asked is Wish.DRAIN else HURRY_SECONDS)
    return latest if before is None else min(before, latest)


def _nothing() -> None: ...


def _nobody() -> Sequence[str]:
    return ()


@dataclass(eq=False)
class Stop:
    """One process'. `asked` is set when it is to drain, by the signal `by` (None: not by a signal).

    Who does the work sets `hand_back`, called on the loop by the second signal, and `running`, which names the tasks
    that run now. `begun` is to be called when it drains of its own accord: from then on the time counts.
    """

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    by: signal.Signals | None = None
    hand_back: Callable[[], object] = _nothing
    running: Callable[[], Sequence[str]] = _nobody
    begun: Callable[[], object] = _nothing

    @property
    def hint(self) -> str:
        """How to hurry it."""
        if self.by is None:
            return ""
        again = "Ctrl-C" if self.by is signal.SIGINT else self.by.name
        return f"; {again} again hands them back now"

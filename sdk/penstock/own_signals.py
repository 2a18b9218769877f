"""Signals that a process sends to itself: `os.kill(os.getpid(), …)` in a task, or `_thread.interrupt_main()` in a
library that watches the time. Python doesn't tell a handler who sent a signal, so the functions that send one note it.

What C code sends by itself isn't noted: it counts like a signal from outside.
"""

from __future__ import annotations

import _thread
import functools
import os
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

__all__ = ["OwnSignals"]

MOST = 64  # notes kept of a signal
NOTED = (signal.SIGTERM, signal.SIGINT)
ARRIVAL_SECONDS = 1.0  # a signal comes at once; two of them may come as one, and then a note is left over


class OwnSignals:
    """The notes of those that are under way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=MOST))

    def note(self, number: int) -> None:
        """One is about to be sent."""
        if number in NOTED:
            self._sent[number].append(self._clock())

    def take(self, number: int) -> bool:
        """One has come: whether it is of our own making."""
        sent = self._sent[number]
        while sent:
            if sent.popleft() >= self._clock() - ARRIVAL_SECONDS:
                return True
        return False

    def note_them(self) -> None:
        """From now on, whatever Python code here sends to this process is noted. For good: it may be called once."""
        for module, name, aimed in _SENDERS:
            setattr(module, name, self._noting(getattr(module, name), aimed))

    def _noting(self, send: Callable[..., Any], aimed: Callable[..., int | None]) -> Callable[..., Any]:
        @functools.wraps(send)
        def sending(*args: Any, **kwargs: Any) -> Any:
            if (number := aimed(*args, **kwargs)) is not None:
                self.note(number)
            return send(*args, **kwargs)

        return sending


def _by_kill(pid: int, number: int, *_: object) -> int | None:
    return number if pid in (os.getpid(), 0, -1, -os.getpgrp()) else None


def _by_killpg(group: int, number: int, *_: object) -> int | None:
    return number if group in (0, os.getpgrp()) else None


def _by_pthread_kill(_thread_id: int, number: int, *_: object) -> int | None:
    return number


def _to_itself(number: int = signal.SIGINT, *_: object, **keywords: int) -> int | None:
    return next(iter(keywords.values()), number)


_SENDERS: tuple[tuple[Any, str, Callable[..., int | None]], ...] = (
    (os, "kill", _by_kill),
    (os, "killpg", _by_killpg),
    (signal, "raise_signal", _to_itself),
    (signal, "pthread_kill", _by_pthread_kill),
    (_thread, "interrupt_main", _to_itself),
)

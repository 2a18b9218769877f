"""Notices a task that blocks the event loop, such as `time.sleep` in a coroutine: nothing else runs here meanwhile. Who
is slow then is somebody else, so it is told who did it, and where."""

from __future__ import annotations

import asyncio
import linecache
import logging
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from penstock.worker.tally import Tally

__all__ = ["Stalls", "place"]

log = logging.getLogger("penstock.worker")
BEAT_SECONDS = 0.25
STALL_SECONDS = 1.0  # without an answer of the loop
QUIET_SECONDS = 60.0  # between two lines on the same task
REMEDY = "nothing else ran here meanwhile; make it a plain def, which runs in a thread, or use run_in='process'"
_OURS = str(Path(__file__).parents[1])
_FOREIGN = (*(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")), _OURS, "<")
# Where a loop calls what runs on it; outwards of these is whoever has started the loop.
_LOOPS = (
    "asyncio/events.py",
    "asyncio/base_events.py",
    "asyncio/runners.py",
    "uvloop/__init__.py",
    "penstock/process.py",
)

# Name and id of the attempt that an asyncio task runs; None if it is no attempt's.
Who = Callable[[asyncio.Task[object]], tuple[str, str] | None]


class Stalls:
    """One loop's watch: a thread that looks whether the loop still answers."""

    def __init__(
        self, who: Who, running: Callable[[], Sequence[str]], tally: Tally, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`running` names what runs, for a stall that is none of `who`'s."""
        self._who = who
        self._running = running
        self._tally = tally
        self._clock = clock
        self._beat = 0.0
        self._noticed = 0.0  # the beat after which a stall was noticed: it is one stall
        self._told: dict[str, float] = {}  # task name → when it was logged last
        self._ending = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the loop."""
        self._beat_on()
        args = (asyncio.get_running_loop(), threading.get_ident())
        threading.Thread(target=self._watch, args=args, name="penstock-stalls", daemon=True).start()

    def stop(self) -> None:
        """End the watch."""
        self._ending.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat_on(self) -> None:
        self._beat = self._clock()
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat_on)

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        before = self._clock()
        while not self._ending.wait(BEAT_SECONDS):
            now, beat = self._clock(), self._beat
            # If this thread was late as well, it is the machine or the interpreter's lock, and no task on the loop.
            punctual, before = now - before < STALL_SECONDS, now
            if punctual and now - beat > BEAT_SECONDS + STALL_SECONDS and beat != self._noticed:
                self._noticed = beat
                self._notice(loop, sys._current_frames().get(thread), now - beat)

    def _notice(self, loop: asyncio.AbstractEventLoop, frame: FrameType | None, seconds: float) -> None:
        task = asyncio.current_task(loop)
        where = place(frame)
        if task is None and not where:  # the loop itself waits for the interpreter's lock
            return
        name, id = (self._who(task) if task is not None else None) or ("", "")
        self._tally.stalls[name] += 1
        if self._clock() - self._told.get(name, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._told[name] = self._clock()
            who = f"{name} ({id})" if name else f"something beside {', '.join(self._running()) or 'the tasks'}"
            log.warning("%s has blocked the event loop for %.1f s%s: %s", who, seconds, where and f", {where}", REMEDY)


def place(frame: FrameType | None) -> str:
    """The user's line that runs now, "at FILE:LINE in FUNCTION: CODE"; "" if it is nobody's but ours."""
    for one in _outwards(frame):
        file = one.f_code.co_filename
        if not file.startswith(_FOREIGN):
            code = linecache.getline(file, one.f_lineno).strip()
            return f"at {file}:{one.f_lineno} in {one.f_code.co_name}" + (f": {code}" if code else "")
    return ""


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and not frame.f_code.co_filename.endswith(_LOOPS):
        yield frame
        frame = frame.f_back

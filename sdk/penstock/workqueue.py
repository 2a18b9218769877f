"""A keyed work queue, after the one of Kubernetes' controllers (client-go, util/workqueue).

A key is worked on by one worker at a time; what is added meanwhile is worked on once more afterwards, however often
it was added. So a caller keeps the latest state beside it and adds the key on every news: level, not edges.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

from penstock.pace import Pace
from penstock.stopping import stopped

__all__ = ["WorkQueue"]

log = logging.getLogger("penstock.workqueue")
Key = TypeVar("Key", bound=Hashable)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 30.0
# Of all keys together: when everything fails, because a server is away, it isn't all tried again at once.
RETRIES_PER_SECOND = 200.0


class WorkQueue(Generic[Key]):
    """Calls `work(key)` for every key added, `workers` at a time; a key whose work raises comes again, later and later.

    `work` may return seconds after which it wants to see the key again. What is added while the queue isn't `running`
    is dropped, or the queue of a process that stands by would grow for weeks: who starts it adds all that there is.
    """

    def __init__(self, name: str, work: Callable[[Key], Awaitable[float | None]], *, workers: int) -> None:
        self.name = name
        self._work = work
        self._workers = workers
        self._ready: deque[Key] = deque()
        self._queued: set[Key] = set()
        self._active: set[Key] = set()
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}  # the earliest time asked for, of those in `_later`
        self._failures: dict[Key, int] = {}
        self._retries = Pace(RETRIES_PER_SECOND)
        self._numbers = itertools.count()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._queued) + len(self._active)

    @property
    def running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return bool(self._tasks)

    def add(self, key: Key) -> None:
        """Work on `key` as soon as possible."""
        if not self.running:
            return
        self._due.pop(key, None)
        if key not in self._queued:
            self._queued.add(key)
            self._idle.clear()
            if key not in self._active:
                self._ready.append(key)
                self._news.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Work on `key` in `seconds`, or earlier if somebody asked for that."""
        if not self.running:
            return
        at = asyncio.get_running_loop().time() + seconds
        if at < self._due.get(key, float("inf")):
            self._due[key] = at
            heapq.heappush(self._later, (at, next(self._numbers), key))
            self._tidy()
            self._news.set()

    def _tidy(self) -> None:
        """What was planned and came earlier stays in the heap till its time; it mustn't become most of it."""
        if len(self._later) > 2 * len(self._due) + 1000:
            self._later = [entry for entry in self._later if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._later)

    def forget(self, key: Key) -> None:
        """Drop what was planned for `key`; it is gone."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [
            asyncio.create_task(self._run(), name=f"{self.name} {number}") for number in range(self._workers)
        ]

    async def stop(self) -> None:
        """End the workers; what they had begun is cancelled, and what waits is dropped."""
        await stopped(*self._tasks)
        self._tasks = []
        for kept in (self._ready, self._queued, self._active, self._later, self._due, self._failures):
            kept.clear()
        self._idle.set()

    async def idle(self) -> None:
        """Return when nothing is queued or being worked on (what is planned for later doesn't count)."""
        while len(self):
            self._idle.clear()
            await self._idle.wait()

    async def _run(self) -> None:
        while True:
            key = await self._next()
            self._queued.discard(key)
            self._active.add(key)
            try:
                again = await self._work(key)
            except Exception as error:
                self._retry(key, error)
            else:
                self._failures.pop(key, None)
                if again is not None:
                    self.add_after(key, again)
            finally:
                self._done(key)

    async def _next(self) -> Key:
        loop = asyncio.get_running_loop()
        while True:
            self._promote(loop.time())
            if self._ready:
                return self._ready.popleft()
            self._news.clear()
            timeout = max(0.0, self._later[0][0] - loop.time()) if self._later else None
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._news.wait()

    def _promote(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            at, _, key = heapq.heappop(self._later)
            if self._due.get(key) == at:  # else it came earlier, or is gone
                self.add(key)

    def _retry(self, key: Key, error: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 20))
        level = logging.WARNING if failures > 1 else logging.INFO
        log.log(level, "%s: %s failed %d times, again in %.1f s: %s", self.name, key, failures, pause, error)
        self.add_after(key, max(pause, getattr(error, "retry_after", None) or 0.0, self._retries.reserve()))

    def _done(self, key: Key) -> None:
        self._active.discard(key)
        if key in self._queued:
            self._ready.append(key)
            self._news.set()
        elif not len(self):
            self._idle.set()

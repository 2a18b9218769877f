"""What a running task may ask and tell: annotate a parameter with TaskContext to get it.

`context: TaskContext = TaskContext()` type-checks where the task is submitted without it, and the inert default lets
the function be called as a plain one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.progress import Progress, read

__all__ = ["StopFlag", "TaskContext"]


class StopFlag:
    """Says that a task should stop. Set once, from any thread; nobody waits for it, so it costs nothing."""

    __slots__ = ("_up",)

    def __init__(self) -> None:
        self._up = False

    def set(self) -> None:
        """Raise it."""
        self._up = True

    def is_set(self) -> bool:
        """Whether it is up."""
        return self._up


_log = logging.getLogger("penstock.task")


def _nobody_listens(said: Progress) -> None:
    pass


def _nothing() -> None:
    pass


async def _nowhere(state: object) -> None:
    pass


def _nowhere_sync(state: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class TaskContext:
    """One attempt, seen from inside. Safe to use from the task's thread. `saved` is the last checkpoint."""

    id: str = ""
    task: str = ""
    attempt: int = 1
    log: logging.Logger = _log
    _stop: StopFlag = field(default_factory=StopFlag)
    _tell: Callable[[Progress], None] = _nobody_listens
    saved: Any = None
    _beat: Callable[[], None] = _nothing
    _keep: Callable[[object], Awaitable[None]] = _nowhere
    _keep_sync: Callable[[object], None] = _nowhere_sync
    _warned: StopFlag = field(default_factory=StopFlag)

    def heartbeat(self) -> None:
        """Say that it is well, for `@app.task(heartbeat=…)`; progress and checkpoints say so, too."""
        self._beat()

    async def checkpoint(self, state: object) -> None:
        """Keep what it has reached for its next attempts, where it is `saved`. Anything that JSON can say, for as long
        as the task isn't finished. Raises SubmissionError where that can't be kept."""
        await self._keep(state)

    def checkpoint_sync(self, state: object) -> None:
        """The same from a function in a thread."""
        self._keep_sync(state)

    @property
    def cancelled(self) -> bool:
        """Whether the task should stop. Async tasks get CancelledError besides; a sync one has to ask."""
        return self._stop.is_set()

    def progress(
        self, percent: float | None = None, message: object = "", *, data: Mapping[str, object] | None = None
    ) -> None:
        """Say how far it is: `percent` is any number from 0 to 100, `message` anything that can be shown as text,
        `data` what JSON can say, up to 4 KiB. `handle.status()` has them. Cheap to call often: what is reported is
        thinned out. It never fails the task: what can't be shown is left out, with one warning an attempt."""
        said, problems = read(percent, message, data)
        if problems and not self._warned.is_set():
            self._warned.set()
            self.log.warning("%s %s: progress() leaves out %s", self.task, self.id, "; ".join(problems))
        self._tell(said)

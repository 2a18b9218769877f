"""What a running task may ask and tell: annotate a parameter with TaskContext to get it.

`context: TaskContext = TaskContext()` type-checks where the task is submitted without it, and the inert default lets
the function be called as a plain one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

__all__ = ["TaskContext"]


def _nobody_listens(percent: float | None, message: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class TaskContext:
    """One attempt, seen from inside. Safe to use from the task's thread."""

    id: str = ""
    task: str = ""
    attempt: int = 1
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("penstock.task"))
    _stop: Event = field(default_factory=Event)
    _tell: Callable[[float | None, str], None] = _nobody_listens

    @property
    def cancelled(self) -> bool:
        """Whether the task should stop. Async tasks get CancelledError besides; a sync one has to ask."""
        return self._stop.is_set()

    def progress(self, percent: float | None = None, message: str = "") -> None:
        """Say how far it is, 0–100. Cheap to call often: what is reported is thinned out."""
        if percent is not None and not 0 <= percent <= 100:
            raise ValueError(f"progress({percent!r}): percent lies between 0 and 100")
        self._tell(percent, message)

"""Log lines that say which task they are of: whatever a task logs, by whichever logger, ends with its id."""

from __future__ import annotations

import logging
from typing import TextIO

from penstock.family import running

__all__ = ["configure"]

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class _OfTask(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        task = running.get()
        text = super().format(record)
        return text if task is None or task.id in text else f"{text} [{task.id}]"


class _Lines(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Not where a task has closed the stream: what logs a line must go on."""
        if not getattr(self.stream, "closed", False):
            super().handleError(record)


def configure(level: str) -> None:
    """Log to standard error, from this level on, unless something else has been set up already. Called again, it
    changes the level."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, _OfTask) for handler in root.handlers):
        root.setLevel(level)
        return
    handler = _Lines()
    handler.setFormatter(_OfTask(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])

"""What `@app.task(...)` takes, and the options that come of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypedDict

from penstock.definition import Options, Place
from penstock.keys import Priority
from penstock.retry import RetryPolicy

__all__ = ["TaskFields", "checked_options", "declared"]


class TaskFields(TypedDict, total=False):
    """What `@app.task(...)` takes; seconds. `max_attempts` is short for `retry=RetryPolicy(max_attempts)`."""

    name: str
    queue: str
    priority: Priority
    retry: RetryPolicy
    max_attempts: int
    timeout: float
    result_ttl: float
    expires: float
    retry_on: tuple[type[BaseException], ...]
    give_up_on: tuple[type[BaseException], ...]
    run_in: Place
    broadcast: bool
    heartbeat: float


def checked_options(given: Mapping[str, object], known: type, where: str) -> None:
    """Raise a TypeError for the first that doesn't exist."""
    names = known.__annotations__
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise TypeError(f"{where}({name}=…): no such option; {hint}")


def declared(fields: TaskFields, queue: str) -> Options:
    """A task's options; `queue` is the app's own. Raises TypeError or ConfigurationError, which names the field."""
    checked_options(fields, TaskFields, "@app.task")
    retry = fields.get("retry")
    if "max_attempts" in fields:
        retry = (retry or RetryPolicy()).with_attempts(fields["max_attempts"])
    return Options(
        fields.get("queue", queue),
        fields.get("priority", "normal"),
        retry,
        fields.get("timeout"),
        fields.get("result_ttl"),
        fields.get("expires"),
        fields.get("retry_on"),
        fields.get("give_up_on", ()),
        fields.get("run_in"),
        fields.get("broadcast", False),
        fields.get("heartbeat"),
    )

"""What `@app.task(...)` takes, and the options that come of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict

from penstock import limits
from penstock.bounds import refused
from penstock.definition import Options, Place, checked_declaration
from penstock.keys import Priority
from penstock.retry import RetryPolicy, checked_policy

__all__ = ["Duration", "TaskDefaults", "TaskFields", "checked_defaults", "checked_options", "declared"]

Duration = float | timedelta
Exceptions = type[BaseException] | Sequence[type[BaseException]]


class TaskDefaults(TypedDict, total=False):
    """What `Penstock(task_defaults=…)` takes: what holds for those tasks of the app that don't say otherwise."""

    queue: str
    priority: Priority
    retry: RetryPolicy
    max_attempts: int
    timeout: Duration
    result_ttl: Duration
    expires: Duration
    retry_on: Exceptions
    give_up_on: Exceptions
    run_in: Place
    broadcast: bool
    heartbeat: Duration


class TaskFields(TaskDefaults, total=False):
    """What `@app.task(...)` takes; seconds. `max_attempts` is short for `retry=RetryPolicy(max_attempts)`."""

    name: str


def checked_options(given: Mapping[str, object], known: type, where: str) -> None:
    """Raise a TypeError for the first that doesn't exist."""
    names = known.__annotations__
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise TypeError(f"{where}({name}=…): no such option; {hint}")


def checked_defaults(defaults: TaskDefaults) -> TaskDefaults:
    """An app's. Raises TypeError or ConfigurationError, which names the field."""
    if not isinstance(defaults, Mapping):
        raise refused("Penstock", "task_defaults", defaults, "use a dict, such as {'max_attempts': 1, 'timeout': 30}")
    checked_options(defaults, TaskDefaults, "task_defaults")
    checked_declaration("task_defaults", defaults)
    return defaults


def declared(fields: TaskFields, queue: str, defaults: TaskDefaults | None = None) -> Options:
    """A task's options; `queue` and `defaults` are the app's. Raises TypeError or ConfigurationError, which names the
    field."""
    checked_options(fields, TaskFields, "@app.task")
    given: dict[str, Any] = {"queue": queue, **_present(defaults or {})}
    own = _present(fields)
    if "retry" in own:  # a whole policy: the app's max_attempts is no part of it
        given.pop("max_attempts", None)
    given |= own
    given.pop("name", None)
    if (attempts := given.pop("max_attempts", None)) is not None:
        limits.TASK["max_attempts"].checked("@app.task", "max_attempts", attempts)
        policy = checked_policy("@app.task", given.get("retry", RetryPolicy()))
        given["retry"] = policy.with_attempts(attempts)
    return Options(**given)


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    """Those that say something."""
    return {name: value for name, value in fields.items() if value is not None}

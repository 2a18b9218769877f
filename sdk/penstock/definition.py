"""What a task is: a name, a function and how it likes to be run. No I/O; submitters and workers share it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from penstock.context import TaskContext
from penstock.errors import ConfigurationError
from penstock.keys import Priority
from penstock.retry import RetryPolicy

__all__ = ["Definition", "Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a task is run where the call doesn't say otherwise. Seconds. None: the queue's or Penstock's default."""

    queue: str
    priority: Priority = "normal"
    retry: RetryPolicy | None = None
    timeout: float | None = None
    result_ttl: float | None = None


@dataclass(frozen=True)
class Definition:
    """A registered task."""

    name: str
    function: Callable[..., Any]
    options: Options

    @cached_property
    def is_async(self) -> bool:
        """Whether it runs on the event loop; the others run in threads."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The annotations, resolved. Those that can't be (names under TYPE_CHECKING) count as absent."""
        try:
            return get_type_hints(self.function, include_extras=True)
        except Exception:
            return {}

    @cached_property
    def returns(self) -> object:
        """The return annotation, or None where there is none to convert by."""
        annotation = self.hints.get("return")
        return None if annotation in (None, type(None), Any) else annotation

    @cached_property
    def context_parameter(self) -> str | None:
        """The parameter that gets the TaskContext."""
        return next((name for name, hint in self.hints.items() if hint is TaskContext), None)

    @cached_property
    def _signature(self) -> inspect.Signature:
        signature = inspect.signature(self.function)
        submitted = [p for name, p in signature.parameters.items() if name != self.context_parameter]
        return signature.replace(parameters=submitted)

    def check(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Raise the TypeError that the call itself would, before anything is sent."""
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}{self._signature}: {error}") from None


def task_name(app: str, function: Callable[..., Any]) -> str:
    """APP.FUNCTION, the default name."""
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ConfigurationError(f"{function!r} has no name of its own: pass name= to @app.task")
    return f"{app}.{name}"

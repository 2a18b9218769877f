"""What a task is: a name, a function and how it likes to be run. No I/O; submitters and workers share it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast, get_origin

from penstock import limits
from penstock.arguments import Arguments
from penstock.bounds import refused
from penstock.errors import ConfigurationError
from penstock.keys import Priority
from penstock.parameters import Kind, Parameters, kind_of, parameters
from penstock.retry import RetryPolicy, checked_policy

__all__ = ["Definition", "Options", "Place", "located", "plain_function"]

Place = Literal["loop", "thread", "process"]
_PLAIN_RESULTS = (int, str, float, bool, list, dict, list[Any], dict[str, Any])


@dataclass(frozen=True, slots=True)
class Options:
    """How a task is run where the call doesn't say otherwise. Seconds. None: the queue's or Penstock's default."""

    queue: str
    priority: Priority = "normal"
    retry: RetryPolicy | None = None
    timeout: float | None = None
    result_ttl: float | None = None
    expires: float | None = None
    retry_on: tuple[type[BaseException], ...] | None = None
    give_up_on: tuple[type[BaseException], ...] = ()
    run_in: Place | None = None
    broadcast: bool = False
    heartbeat: float | None = None

    def __post_init__(self) -> None:
        fields = {name: getattr(self, name) for name in self.__slots__}
        for name, value in checked_declaration("@app.task", fields).items():
            object.__setattr__(self, name, value)


def checked_declaration(where: str, given: Mapping[str, object]) -> dict[str, Any]:
    """What a task may declare, as Penstock keeps it. Raises ConfigurationError, which names the option."""
    found = limits.checked_fields(where, limits.TASK, given)
    for name in ("retry_on", "give_up_on"):
        if given.get(name) is not None:
            found[name] = _exceptions(where, name, given[name])
    if given.get("retry") is not None:
        found["retry"] = checked_policy(where, given["retry"])
    return found


def _exceptions(where: str, name: str, given: object) -> tuple[type[BaseException], ...]:
    """A class or several, as a tuple."""
    kinds = tuple(given) if isinstance(given, tuple | list | set | frozenset) else (given,)
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise refused(where, name, given, "use exception classes, such as (ConnectionError, TimeoutError)")
    return kinds


@dataclass(frozen=True)
class Definition:
    """A registered task."""

    name: str
    function: Callable[..., Any]
    options: Options

    def __post_init__(self) -> None:
        if self.kind in ("generator", "async generator"):
            raise ConfigurationError(
                f"{self.name}: the function is a generator (it has a yield), and a task returns one result: "
                "return a list, or send a task for each item"
            )
        if self.is_async and self.options.run_in == "thread":
            raise ConfigurationError(f"{self.name}: run_in='thread' is for plain functions; this one is a coroutine's")
        if self.options.run_in == "process":
            located(self.function)

    @cached_property
    def kind(self) -> Kind:
        """What calling it gives: a value, a coroutine or a generator. Objects and partials are what they call."""
        return kind_of(self.function)

    @cached_property
    def is_async(self) -> bool:
        """Whether calling it gives a coroutine."""
        return self.kind == "coroutine"

    @cached_property
    def place(self) -> Place:
        """Where it runs: coroutine functions on the event loop, the others in threads unless they say otherwise."""
        return self.options.run_in or ("loop" if self.is_async else "thread")

    @cached_property
    def parameters(self) -> Parameters:
        """What the function takes. Raises ConfigurationError for a dependency that can't be met."""
        return parameters(self.function)

    @cached_property
    def arguments(self) -> Arguments:
        """What is submitted of it."""
        return Arguments(self.name, self.parameters)

    @cached_property
    def is_bare(self) -> bool:
        """Whether it is a coroutine function on the event loop that needs nothing but its arguments."""
        return self.is_async and self.place == "loop" and not self.parameters.needs

    @cached_property
    def returns(self) -> object:
        """The return annotation, or None where there is none to convert by."""
        annotation = self.parameters.types.get("return")
        return None if annotation in (None, type(None), Any) else annotation

    @cached_property
    def returns_plain(self) -> type | None:
        """The class whose instances fit the return annotation as they are; None where only a closer look can tell."""
        if self.returns not in _PLAIN_RESULTS:
            return None
        origin: type | None = get_origin(self.returns)
        return origin or cast("type", self.returns)


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """What to call where `@app.task` was put on this: of a staticmethod, its function. Raises ConfigurationError for
    what can't be a task."""
    name = getattr(function, "__qualname__", None) or repr(function)
    if isinstance(function, classmethod):
        raise ConfigurationError(
            f"@app.task on {name}: a classmethod can't be a task; use a function at the top level of the module, "
            "or a staticmethod"
        )
    if isinstance(function, staticmethod):
        return function.__func__
    if not callable(function):
        raise ConfigurationError(f"@app.task on {name}: it isn't callable; put it on a function")
    return function


def located(function: Callable[..., Any]) -> tuple[str, str]:
    """Module and name under which another process finds the function again. Raises ConfigurationError."""
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", "<no name>")
    if not isinstance(module, str) or "<" in qualname or (importable := _importable(module)) is None:
        raise ConfigurationError(
            f"{module}.{qualname} can't run in a process of its own: define it at the top level of a module"
        )
    return importable, qualname


def _importable(module: str) -> str | None:
    """The module's name in a child. Multiprocessing loads the parent's main module there if it is a script's or
    `-m`'s, but neither a package's __main__, nor what has no file."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    name = main.__spec__.name if main.__spec__ else None
    if name is None:
        return module if hasattr(main, "__file__") else None
    if name == "__main__":
        return None
    return name if name.endswith(".__main__") else module


def task_name(app: str, function: Callable[..., Any]) -> str:
    """APP.FUNCTION, the default name. Raises ConfigurationError where a task can't be named so."""
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ConfigurationError(f"{function!r} has no name of its own: pass name= to @app.task")
    if not limits.TASK_NAME.fits(f"{app}.{name}"):
        raise ConfigurationError(f"task {app}.{name}: use {limits.TASK_NAME.told}, or pass name= to @app.task")
    return f"{app}.{name}"

"""What a function's parameters are filled with: submitted arguments, the attempt's context, or dependencies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from penstock.context import TaskContext
from penstock.depends import declared, of_a_request
from penstock.errors import ConfigurationError
from penstock.hints import hints, unresolved

__all__ = ["Kind", "Need", "Parameters", "Provider", "kind_of", "parameters", "provider"]

Path = tuple[Callable[..., Any], ...]
Kind = Literal["value", "coroutine", "generator", "async generator"]


@dataclass(frozen=True, slots=True)
class Need:
    """A parameter that isn't submitted: it gets what its provider makes, or the attempt's context (None)."""

    name: str
    provider: Provider | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """A dependency's function and what it needs itself."""

    function: Callable[..., Any]
    cached: bool
    kind: Kind
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Parameters:
    """A task's: `submitted` is the signature that submitters see, `types` its annotations, `unknown` the text of those
    that can't be resolved."""

    whole: inspect.Signature
    submitted: inspect.Signature
    types: dict[str, Any]
    needs: tuple[Need, ...]
    unknown: dict[str, str]


def parameters(function: Callable[..., Any]) -> Parameters:
    """Those of a task's function. Raises ConfigurationError for a dependency that can't be met."""
    whole, types = _signature(function), hints(function)
    needs = tuple(_needs(function, (function,)))
    injected = {need.name for need in needs}
    submitted = whole.replace(parameters=[p for name, p in whole.parameters.items() if name not in injected])
    return Parameters(whole, submitted, types, needs, unresolved(function))


def provider(function: Callable[..., Any], *, cached: bool = True, path: Path = ()) -> Provider:
    """A dependency's function with all that it needs. `path` has those who depend on it."""
    below = (*path, function)
    if function in path:
        raise ConfigurationError(f"{_told(below)}: a dependency needs itself; break the circle")
    needs = tuple(_needs(function, below))
    _check_rest(function, {need.name for need in needs}, below)
    return Provider(function, cached, kind_of(function), needs)


def _needs(function: Callable[..., Any], path: Path) -> Iterator[Need]:
    types = hints(function)
    for name, parameter in _signature(function).parameters.items():
        hint = types.get(name)
        if hint is TaskContext:
            yield Need(name)
        elif (found := declared(hint, parameter.default)) is not None:
            yield Need(name, provider(found.function, cached=found.cached, path=path))


def _check_rest(function: Callable[..., Any], met: set[str], path: Path) -> None:
    """A dependency's other parameters must have defaults: nobody submits arguments for it."""
    types = hints(function)
    for name, parameter in _signature(function).parameters.items():
        where = f"{_told(path)}: its parameter {name!r}"
        if name in met or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if of_a_request(types.get(name), parameter.default):
            raise ConfigurationError(
                f"{where} comes from a web request, which a task hasn't; hand the task what it needs as an argument"
            )
        if parameter.default is parameter.empty:
            raise ConfigurationError(f"{where} is filled by nobody; give it a default, a Depends(…) or a TaskContext")


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:  # some of those written in C don't tell: they get what they are given
        kinds = {"args": inspect.Parameter.VAR_POSITIONAL, "kwargs": inspect.Parameter.VAR_KEYWORD}
        return inspect.Signature([inspect.Parameter(name, kind) for name, kind in kinds.items()])


def _told(path: Path) -> str:
    return " → ".join(getattr(function, "__qualname__", None) or type(function).__qualname__ for function in path)


def kind_of(function: Callable[..., Any]) -> Kind:
    """What calling it gives. A partial is what it calls, an object what its `__call__` is."""
    if isinstance(function, partial):
        return kind_of(function.func)
    if inspect.iscoroutinefunction(function):  # also what is only marked as one
        return "coroutine"
    called = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    if inspect.isasyncgenfunction(called):
        return "async generator"
    if inspect.isgeneratorfunction(called):
        return "generator"
    return "coroutine" if inspect.iscoroutinefunction(called) else "value"

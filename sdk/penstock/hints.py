"""Annotations as types, `Annotated` kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints

__all__ = ["hints"]


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of whatever can be called. Those that can't be resolved (names under TYPE_CHECKING, or not
    defined yet) count as absent."""
    annotated = _annotated(function)
    try:
        return get_type_hints(annotated, include_extras=True)
    except Exception:
        found = ((name, _one(annotated, name)) for name in getattr(annotated, "__annotations__", {}))
        return {name: hint for name, hint in found if hint is not None}


def _annotated(function: Callable[..., Any]) -> Any:
    """Where the annotations of its parameters are: a class's are those of its __init__, an object's of its __call__."""
    if isinstance(function, partial):
        return _annotated(function.func)
    if inspect.isclass(function):
        return function.__init__
    if inspect.isroutine(function):
        return inspect.unwrap(function)
    return type(function).__call__


def _one(annotated: Any, name: str) -> Any:
    alone = SimpleNamespace(__annotations__={name: annotated.__annotations__[name]})
    try:
        return get_type_hints(alone, getattr(annotated, "__globals__", {}), include_extras=True)[name]
    except Exception:
        return None

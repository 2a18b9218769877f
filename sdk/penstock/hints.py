"""Annotations as types, `Annotated` kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints

__all__ = ["hints", "unresolved"]


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of whatever can be called. Those that can't be resolved (names under TYPE_CHECKING, or not
    defined yet) count as absent."""
    annotated = _annotated(function)
    try:
        return get_type_hints(annotated, localns=_enclosed(annotated), include_extras=True)
    except Exception:
        found = ((name, _one(annotated, name)) for name in _written(annotated))
        return {name: hint for name, hint in found if hint is not None}


def unresolved(function: Callable[..., Any]) -> dict[str, str]:
    """The annotations that `hints` had to leave out, as they are written."""
    written = _written(_annotated(function))
    return {name: str(written[name]) for name in written.keys() - hints(function).keys()}


def _written(annotated: Any) -> dict[str, Any]:
    found: dict[str, Any] = getattr(annotated, "__annotations__", {})
    return found


def _enclosed(annotated: Any) -> dict[str, Any] | None:
    """What a function knows from the functions around it, where it uses that; None: nothing besides its module."""
    code, cells = getattr(annotated, "__code__", None), getattr(annotated, "__closure__", None)
    if code is None or not cells:
        return None
    found = {}
    for name, cell in zip(code.co_freevars, cells, strict=True):
        with suppress(ValueError):  # not assigned yet
            found[name] = cell.cell_contents
    return found


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
        return get_type_hints(alone, getattr(annotated, "__globals__", {}), _enclosed(annotated), include_extras=True)[
            name
        ]
    except Exception:
        return None

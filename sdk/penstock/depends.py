"""Dependencies: what a task needs beside the arguments that it is submitted with.

@app.task
async def send_welcome(user_id: int, mailer: Mailer = Depends(get_mailer)) -> Receipt: ...

The worker makes them for each attempt and cleans up after it. FastAPI's own `Depends` is understood, too, so that an
endpoint and a task can share them.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, overload

__all__ = ["Dependency", "Depends", "declared", "of_a_request"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dependency:
    """What stands for a value that is to be made by `function`; once an attempt if it is cached."""

    function: Callable[..., Any]
    cached: bool = True


if TYPE_CHECKING:

    @overload
    def Depends(
        function: Callable[..., AsyncGenerator[T, None] | AsyncIterator[T]], *, use_cache: bool = True
    ) -> T: ...
    @overload
    def Depends(function: Callable[..., Generator[T, None, None] | Iterator[T]], *, use_cache: bool = True) -> T: ...
    @overload
    def Depends(function: Callable[..., Awaitable[T]], *, use_cache: bool = True) -> T: ...
    @overload
    def Depends(function: Callable[..., T], *, use_cache: bool = True) -> T: ...


def Depends(function: Callable[..., Any], *, use_cache: bool = True) -> Any:
    """A parameter's value, made by `function` when the task is run: `x: T = Depends(f)`, or `x: Annotated[T,
    Depends(f)]`.

    `function` may be plain (run in a thread), a coroutine function, or a generator of either kind that yields once and
    cleans up after the attempt, also when that fails, times out or is cancelled. It may have dependencies and a
    TaskContext itself. Within one attempt it is called once however often it is depended on, unless `use_cache` is
    False.
    """
    return Dependency(function, use_cache)


def declared(hint: object, default: object) -> Dependency | None:
    """The dependency that a parameter declares by its default or its annotation."""
    if (found := _dependency(default, hint)) is not None:
        return found
    metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    candidates = (_dependency(mark, hint) for mark in metadata)
    return next((found for found in candidates if found is not None), None)


def _dependency(mark: object, hint: object) -> Dependency | None:
    if isinstance(mark, Dependency):
        return mark
    fastapi = sys.modules.get("fastapi.params")
    if fastapi is None or not isinstance(mark, fastapi.Depends):
        return None
    named: Any = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return Dependency(mark.dependency or named, mark.use_cache)


def of_a_request(hint: object, default: object) -> bool:
    """Whether a parameter of one of FastAPI's dependencies is filled from a web request, which no task has."""
    requests, params = sys.modules.get("starlette.requests"), sys.modules.get("fastapi.params")
    named = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    marks = [default, *(get_args(hint)[1:] if get_origin(hint) is Annotated else ())]
    if params is not None and any(isinstance(mark, params.Param | params.Body) for mark in marks):
        return True
    return requests is not None and isinstance(named, type) and issubclass(named, requests.HTTPConnection)

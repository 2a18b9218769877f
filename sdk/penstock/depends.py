"""Dependencies: objects that a task needs and that aren't part of a call.

@app.task
async def send_welcome(user_id: int, mailer: Mailer = Depends(get_mailer)) -> Receipt: ...

The worker creates them for each attempt and cleans up afterwards. FastAPI's own `Depends` works too, so endpoints and
tasks can share dependencies.
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
    """A value that `function` creates. `cached`: once per attempt."""

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
    """The value of a parameter, created by `function` when the task runs.

    Write `x: T = Depends(f)` or `x: Annotated[T, Depends(f)]`. `function` is one of these:

    - a plain function, which runs in a thread;
    - a coroutine function;
    - a generator or async generator that yields once. It cleans up after the attempt, also when the attempt fails,
      times out or is cancelled.

    It can have dependencies and a TaskContext. Within one attempt it is called once, even if several parameters depend
    on it, unless `use_cache` is False.
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
    """Whether a parameter of a FastAPI dependency comes from a web request. A task has no request."""
    requests, params = sys.modules.get("starlette.requests"), sys.modules.get("fastapi.params")
    named = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    marks = [default, *(get_args(hint)[1:] if get_origin(hint) is Annotated else ())]
    if params is not None and any(isinstance(mark, params.Param | params.Body) for mark in marks):
        return True
    return requests is not None and isinstance(named, type) and issubclass(named, requests.HTTPConnection)

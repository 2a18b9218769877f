"""Background tasks that survive the process: FastAPI's own call shape, on a queue."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from inspect import signature
from typing import Annotated, Any, ParamSpec

from fastapi import Depends

from penstock.app import Penstock
from penstock.errors import ConfigurationError
from penstock.fastapi.lifespan import penstock_of
from penstock.submission import Signature
from penstock.task import Call

__all__ = ["BackgroundTasks", "Collected"]

P = ParamSpec("P")


class Collected:
    """What one request asked for. It is queued when the endpoint has returned and before the response is sent: a
    response that the client sees means that the tasks are safe, and a queue that can't be reached fails the request.
    An endpoint that raises queues nothing."""

    def __init__(self, app: Penstock) -> None:
        self._app = app
        self.calls: list[Signature[Any]] = []

    def add_task(self, function: Callable[P, Any] | Call[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Queue a task, `task.options(…)`, or a plain function that was registered with `app.task(function)`. Raises
        BadArgument for arguments that don't fit."""
        if isinstance(function, Signature):
            raise ConfigurationError(
                f"add_task takes a task and its arguments, not a call of it: add_task({function.definition.name}, …)"
            )
        call: Call[..., Any] = function if isinstance(function, Call) else self._registered(function)
        self.calls.append(call.s(*args, **kwargs))

    def _registered(self, function: Callable[..., Any]) -> Call[..., Any]:
        for task in self._app.tasks.values():
            if task.definition.function is function:
                return task
        name = getattr(function, "__qualname__", repr(function))
        raise ConfigurationError(f"add_task({name:.80}): no task of app {self._app.name!r}; register it with @app.task")


async def _collected(app: Annotated[Penstock, Depends(penstock_of)]) -> AsyncGenerator[Collected, None]:
    collected = Collected(app)
    yield collected
    if collected.calls:
        await app.enqueue_many(collected.calls)


# What follows the `yield` runs before the response is sent: with `scope="function"`, and always before FastAPI 0.118.
_EARLY: Any = {"scope": "function"} if "scope" in signature(Depends).parameters else {}
BackgroundTasks = Annotated[Collected, Depends(_collected, **_EARLY)]

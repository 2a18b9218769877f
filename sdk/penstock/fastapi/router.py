"""Endpoints to submit tasks, follow and cancel them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query, Response, status
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from penstock.app import Penstock
from penstock.errors import (
    BadArgument,
    ConfigurationError,
    QueueFull,
    ResultExpired,
    ResultTimeout,
    SubmissionError,
    TaskEnded,
    UnknownTask,
)
from penstock.handle import TaskStatus
from penstock.keys import Priority
from penstock.task import OptionFields

__all__ = ["Submission", "router"]

UNPROCESSABLE = 422  # Starlette has changed the name
MAX_WAIT_SECONDS = 60.0
_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # proxies would hold events back
_REFUSALS: dict[type[Exception], int] = {
    BadArgument: UNPROCESSABLE,
    QueueFull: status.HTTP_429_TOO_MANY_REQUESTS,
    SubmissionError: status.HTTP_503_SERVICE_UNAVAILABLE,
    UnknownTask: status.HTTP_404_NOT_FOUND,
    ResultExpired: status.HTTP_410_GONE,
    ConfigurationError: UNPROCESSABLE,
}


class Submission(BaseModel):
    """A call: the task's registered name, its arguments as JSON, and options as `task.options(…)` takes them."""

    model_config = ConfigDict(extra="forbid")

    task: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    priority: Priority | None = None
    delay: float | None = None
    key: str | None = None

    def options(self) -> OptionFields:
        """Those that were asked for."""
        asked = self.model_dump(include={"priority", "delay", "key"}, exclude_none=True)
        return cast("OptionFields", asked)


def router(app: Penstock, *, auth: Callable[..., Any] | None, tasks: Sequence[str] | None = None) -> APIRouter:
    """`auth`: a dependency that raises for callers who may not; None lets everybody. `tasks`: the names that may be
    submitted, by default all of the app's."""
    routes = APIRouter(dependencies=[Depends(auth)] if auth is not None else [], tags=["tasks"])

    @routes.post("", status_code=status.HTTP_202_ACCEPTED)
    async def submit(asked: Submission) -> dict[str, str]:
        """Queue a task; its id."""
        task = app.tasks.get(asked.task)
        if task is None or (tasks is not None and asked.task not in tasks):
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no task {asked.task!r} to submit here")
        with _refusing():
            handle = await task.options(**asked.options()).enqueue(*asked.args, **asked.kwargs)
        return {"id": handle.id}

    @routes.get("/{id:path}/result")
    async def result(
        id: str, response: Response, wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0.0
    ) -> dict[str, Any]:
        """How it ended: `result`, or `error`. 202 if it hasn't within `wait` seconds."""
        with _refusing():
            try:
                return {"id": id, "result": await app.handle(id).result(timeout=wait)}
            except TaskEnded as ended:
                return {"id": id, "error": {"type": ended.type, "message": ended.message}}
            except ResultTimeout:
                response.status_code = status.HTTP_202_ACCEPTED
                return _shown(id, await app.handle(id).status())

    @routes.get("/{id:path}/events")
    async def events(id: str) -> StreamingResponse:
        """Server-sent events: how it stands, whenever that changes, until it has ended."""
        with _refusing():
            stream = app.handle(id).stream()
            first = await anext(stream)
        return StreamingResponse(_told(id, first, stream), media_type="text/event-stream", headers=_UNBUFFERED)

    @routes.get("/{id:path}")
    async def stands(id: str) -> dict[str, Any]:
        """How it stands."""
        with _refusing():
            return _shown(id, await app.handle(id).status())

    @routes.delete("/{id:path}")
    async def cancel(id: str) -> dict[str, Any]:
        """Cancel it, queued or running; `cancelled` is false if it had ended already."""
        with _refusing():
            return {"id": id, "cancelled": await app.handle(id).cancel()}

    return routes


@contextmanager
def _refusing() -> Iterator[None]:
    """Our errors as HTTP's."""
    try:
        yield
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        raise HTTPException(code, str(error)) from error


def _shown(id: str, now: TaskStatus) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": id, "phase": now.phase, "attempts": now.attempts}
    if now.percent is not None or now.message:
        shown["progress"] = {"percent": now.percent, "message": now.message}
    if now.failure is not None:
        shown["error"] = {"type": now.failure.type, "message": now.failure.message}
    return shown


async def _told(id: str, first: TaskStatus, rest: AsyncGenerator[TaskStatus, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield _event(_shown(id, first))
        async for now in rest:
            yield _event(_shown(id, now))


def _event(data: dict[str, Any]) -> bytes:
    return b"event: status\ndata: " + msgspec.json.encode(data) + b"\n\n"

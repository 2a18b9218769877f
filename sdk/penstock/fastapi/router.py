"""Endpoints to submit tasks, follow and cancel them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status
from pydantic import AllowInfNan, BaseModel, ConfigDict, Strict, ValidationError

from penstock import codec
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
from penstock.fastapi.events import Events, shown
from penstock.handle import Handle
from penstock.keys import Priority
from penstock.limits import PAYLOAD_BYTES
from penstock.links import COLLECT, EACH
from penstock.task import OptionFields

__all__ = ["Submission", "router"]

log = logging.getLogger("penstock")

TOO_LARGE, UNPROCESSABLE = 413, 422  # Starlette has changed their names
AWAY = "the queue can't be reached; try again later, with the same `key` where the task mustn't run twice"
MAX_WAIT_SECONDS = 60.0
MAX_BODY_BYTES = PAYLOAD_BYTES
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
    delay: Annotated[float, Strict(), AllowInfNan(False)] | None = None
    key: str | None = None

    def options(self) -> OptionFields:
        """Those that were asked for."""
        asked = self.model_dump(include={"priority", "delay", "key"}, exclude_none=True)
        return cast("OptionFields", asked)


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Submission.model_json_schema()}}}}


def router(app: Penstock, *, auth: Callable[..., Any] | None, tasks: Sequence[str] | None = None) -> APIRouter:
    """`auth`: a dependency that raises for callers who may not; None lets everybody. `tasks`: the names of those that
    may be submitted, followed and cancelled here, by default all of the app's. Other tasks are unknown here."""
    known = _Known(app, tasks)
    routes = APIRouter(dependencies=[Depends(auth)] if auth is not None else [], tags=["tasks"])

    @routes.post("", status_code=status.HTTP_202_ACCEPTED, openapi_extra=_BODY)
    async def submit(asked: Annotated[Submission, Depends(_submission)]) -> Response:
        """Queue a task; its id."""
        task = app.tasks.get(asked.task)
        if task is None or asked.task not in known:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no task {asked.task!r} to submit here")
        with _refusing():
            handle = await task.options(**asked.options()).enqueue(*asked.args, **asked.kwargs)
        return _answer({"id": handle.id}, status.HTTP_202_ACCEPTED)

    @routes.get("/{id}/result")
    async def result(id: str, wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0.0) -> Response:
        """How it ended: `result`, or `error`. 202 if it hasn't within `wait` seconds."""
        with _refusing():
            handle = await known.handle(id)
            try:
                return _answer({"id": id, "result": await handle.result(timeout=wait)})
            except TaskEnded as ended:
                return _answer({"id": id, "error": {"type": ended.type, "message": ended.message}})
            except ResultTimeout:
                return _answer(shown(id, await handle.status()), status.HTTP_202_ACCEPTED)

    @routes.get("/{id}/events")
    async def events(id: str) -> Response:
        """Server-sent events: how it stands, whenever that changes, until it has ended."""
        with _refusing():
            handle = await known.handle(id)
            await handle.status()
        return Events(handle)

    @routes.get("/{id}")
    async def stands(id: str) -> Response:
        """How it stands."""
        with _refusing():
            return _answer(shown(id, await (await known.handle(id)).status()))

    @routes.delete("/{id}")
    async def cancel(id: str) -> Response:
        """Cancel it, queued or running; `cancelled` is false if it had ended already."""
        with _refusing():
            return _answer({"id": id, "cancelled": await (await known.handle(id)).cancel()})

    return routes


async def _submission(request: Request) -> Submission:
    """The body. Not read by FastAPI: it would answer some bodies with a server error, because it repeats what it can't
    encode (an infinity, half of a surrogate pair), and it reads them to the end however long they are."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "send the call as Content-Type: application/json")
    try:
        return Submission.model_validate_json(await _body(request))
    except ValidationError as error:
        raise _refusal(UNPROCESSABLE, codec.complaint(error)) from None


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY_BYTES:
            raise HTTPException(
                TOO_LARGE,
                f"more than {MAX_BODY_BYTES:,} bytes: store what is large elsewhere, and send where it is",
            )
    return bytes(read)


class _Known:
    """The tasks of a router: those that were named, or all of the app's. The app's are those that are registered,
    also later, those that other processes have registered under its name, and the sums of its flows."""

    def __init__(self, app: Penstock, names: Sequence[str] | None) -> None:
        self._app = app
        self._names = names

    def __contains__(self, name: str) -> bool:
        if self._names is not None:
            return name in self._names
        return name in self._app.tasks or name in (COLLECT, EACH) or name.startswith(f"{self._app.name}.")

    async def handle(self, id: str) -> Handle[Any]:
        """Raises UnknownTask for what can't be an id, and for that of a task that isn't of these."""
        try:
            handle = self._app.handle(id)
        except ConfigurationError as error:
            raise UnknownTask(str(error)) from None
        name = await self._app.connections.client().broker.named(id)
        if name and name not in self:
            raise UnknownTask(f"nothing is known of {id} here")
        return handle


@contextmanager
def _refusing() -> Iterator[None]:
    """Our errors as HTTP's."""
    try:
        yield
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        if code == status.HTTP_503_SERVICE_UNAVAILABLE:  # the rest is for the service's own log: hosts, settings
            log.error("%s", error)
            raise _refusal(code, AWAY) from error
        raise _refusal(code, str(error)) from error


def _refusal(code: int, message: str) -> HTTPException:
    """Half of a surrogate pair, as an argument may hold, is no text that could be sent."""
    return HTTPException(code, codec.sendable(message))


def _answer(content: dict[str, Any], code: int = status.HTTP_200_OK) -> Response:
    return Response(msgspec.json.encode(content), code, media_type="application/json")

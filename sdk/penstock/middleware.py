"""Middlewares: what an app wraps around sending and running its tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from penstock.context import TaskContext
from penstock.handle import Handle
from penstock.outcome import Failure
from penstock.submission import Signature

__all__ = ["Middleware"]

Send = Callable[[Sequence[Signature[Any]]], Awaitable[list[Handle[Any]]]]
"""Sends calls and returns a handle for each, in order."""
Execute = Callable[[], Awaitable[object]]
"""Runs the function and returns its result."""


class Middleware:
    """The base class of middlewares. It changes nothing: override `send`, `execute` or both.

    `app.add_middleware(…)` adds an instance. The one that was added first is the outermost.
    """

    async def send(self, calls: Sequence[Signature[Any]], send: Send) -> list[Handle[Any]]:
        """Wrap sending. Call `send` with these calls or others, and return a handle for each.

        `enqueue` passes one call, `enqueue_many` and a flow pass all of theirs.
        """
        return await send(calls)

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """Wrap one attempt. Its timeout includes the time that the middleware takes.

        `execute` returns what the function returns, and raises what it raises (EndedApart for a task with
        `run_in="process"`). What this method returns becomes the task's result.
        """
        return await execute()

    async def failed(self, context: TaskContext, failure: Failure, final: bool) -> None:
        """After an attempt that failed for whatever reason, a timeout or a crash as well as an exception, once it is
        decided what becomes of the task: `final` if it isn't tried again. In the task of `execute`, if that was called;
        what this raises is logged."""

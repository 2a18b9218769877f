"""What surrounds every task of an app, when it is sent and when it is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from penstock.context import TaskContext
from penstock.handle import Handle
from penstock.outcome import Failure
from penstock.submission import Signature

__all__ = ["Middleware"]

Send = Callable[[Sequence[Signature[Any]]], Awaitable[list[Handle[Any]]]]
Execute = Callable[[], Awaitable[object]]


class Middleware:
    """A base that changes nothing: override what you need. `app.add_middleware(...)` adds it; the first that was
    added is the outermost."""

    async def send(self, calls: Sequence[Signature[Any]], send: Send) -> list[Handle[Any]]:
        """Around sending; a single `enqueue` is a sequence of one. Call `send` with these calls or others, and return a
        handle for each."""
        return await send(calls)

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """Around running the function, within the attempt's time. `execute` returns its result or raises what it
        raises (EndedApart for a process of its own); what this returns is the task's result."""
        return await execute()

    async def failed(self, context: TaskContext, failure: Failure, final: bool) -> None:
        """After an attempt that failed for whatever reason, a timeout or a crash as well as an exception, once it is
        decided what becomes of the task: `final` if it isn't tried again. In the task of `execute`, if that was called;
        what this raises is logged."""

"""What was enqueued in a test, and the assertions on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from penstock.handle import Handle
from penstock.middleware import Middleware, Send
from penstock.submission import Signature
from penstock.task import Task

__all__ = ["Recorder"]


class Recorder(Middleware):
    """Keeps the calls that were sent. Task resources are sent to the broker, too: a test has no cluster."""

    def __init__(self) -> None:
        self.calls: list[Signature[Any]] = []

    async def send(self, calls: Sequence[Signature[Any]], send: Send) -> list[Handle[Any]]:
        """See Middleware."""
        handles = await send([call.with_options(replace(call.options, resource=False)) for call in calls])
        self.calls += calls
        return handles

    def of(
        self, task: Task[..., Any], args: Sequence[Any] | None, kwargs: dict[str, Any] | None, queue: str | None
    ) -> list[Signature[Any]]:
        """The calls of a task: those with these arguments, by position or by name as they were written, on that queue;
        None: any."""
        wanted = None if args is None and kwargs is None else _bound(task, tuple(args or ()), kwargs or {})
        return [
            call
            for call in self.calls
            if call.definition.name == task.name
            and (queue is None or call.queue == queue)
            and (wanted is None or _bound(task, call.args, call.kwargs) == wanted)
        ]

    def told(self) -> str:
        """All of them, for a message."""
        return "\n".join(f"  {_shown(call)}" for call in self.calls) or "  nothing"


def _bound(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = task.definition.parameters.submitted.bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def _shown(call: Signature[Any]) -> str:
    words = [*map(repr, call.args), *(f"{name}={value!r}" for name, value in call.kwargs.items())]
    return f"{call.definition.name}({', '.join(words)}) on {call.queue}"

"""One call of a task's function: through the middlewares, with its dependencies, wherever it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from msgspec import Raw

from penstock import codec
from penstock.arguments import Values
from penstock.context import TaskContext
from penstock.definition import Definition, located
from penstock.outcome import Failure
from penstock.progress import Progress
from penstock.retry import Retry, Snooze
from penstock.worker.child import Answer, Call, Error, Value
from penstock.worker.ending import Died, EndedApart, RaisedInChild, Returned
from penstock.worker.injection import Injection
from penstock.worker.room import Room
from penstock.worker.thread import Thread

__all__ = ["Execution", "ended_in_child"]


@dataclass(eq=False)
class Execution:
    """`payload` and `values` are the submitted arguments: as they came, and as the annotations want them. `tell` takes
    its progress. `describe` makes what the function is told of itself: few ask."""

    definition: Definition
    describe: Callable[[], TaskContext]
    payload: bytes
    values: Values
    room: Room
    tell: Callable[[Progress], None]
    _thread: Thread | None = None
    _injection: Injection | None = None
    _error: BaseException | None = None

    async def result(self) -> object:
        """What the function returns, or a middleware instead; Raw if it is JSON already. Raises what they raise, and
        EndedApart for what went wrong in a process of its own."""
        if not self.room.extensions.middlewares:
            return await self._result()
        execute: Callable[[], Awaitable[object]] = self._result
        for middleware in reversed(self.room.extensions.middlewares):
            execute = partial(middleware.execute, self._context, execute)
        return await execute()

    async def _result(self) -> object:
        if self.definition.place == "process":
            return await self._apart()
        self._thread = Thread(self.room.threads)
        needs = self.definition.parameters.needs
        if not needs:
            return await self._called(self._thread, *self.values)
        self._injection = Injection(self._context, self._thread, self.room.extensions.overrides)
        try:
            injected = await self._injection.values(needs)
            args, kwargs = self.definition.arguments.with_injected(self.values, injected)
            return await self._called(self._thread, args, kwargs)
        except BaseException as error:
            self._error = error
            raise
        finally:
            if not self._thread.busy:
                await self._clean_up()

    async def _called(self, thread: Thread, args: Any, kwargs: Any) -> object:
        definition = self.definition
        if definition.is_async:
            return await definition.function(*args, **kwargs)
        if definition.place == "loop":
            return definition.function(*args, **kwargs)
        return await thread.run(copy_context(), partial(definition.function, *args, **kwargs))

    async def _apart(self) -> object:
        module, qualname = located(self.definition.function)
        context = self._context
        call = Call(module, qualname, context.id, context.task, context.attempt, self.payload)
        ending = ended_in_child(await self.room.processes.run(call, self.tell))
        if not isinstance(ending, Returned):
            raise EndedApart(ending)
        return codec.decode_value(ending.value) if self.room.extensions.middlewares else Raw(ending.value)

    @cached_property
    def _context(self) -> TaskContext:
        return self.describe()

    @property
    def vacant(self) -> bool:
        """Whether nothing of it can run any more."""
        return self._injection is None and (self._thread is None or not self._thread.busy)

    async def vacated(self) -> None:
        """Return when nothing of it runs any more. A thread can't be stopped: it keeps its place, and its dependencies,
        until it ends."""
        if self._thread is not None:
            await self._thread.ended()
        await self._clean_up()

    async def _clean_up(self) -> None:
        injection, self._injection = self._injection, None
        if injection is not None:
            await injection.close(self._error)


def ended_in_child(answer: Answer) -> Returned | RaisedInChild | Died:
    """How a call in a child process ended."""
    match answer:
        case Value(data):
            return Returned(data)
        case Error():
            failure = Failure.bounded(answer.type, answer.message, answer.traceback, retryable=True)
            return RaisedInChild(failure, answer.lineage, _wish(answer))
        case _:
            return Died(answer.exitcode)


def _wish(error: Error) -> Retry | Snooze | None:
    if error.wish == "snooze":
        return Snooze(error.delay or 0.0, error.message)
    delay = None if error.delay is None else max(0.0, error.delay)
    return Retry(delay, error.message) if error.wish == "retry" else None

"""One call of a task's function: through the middlewares, with its dependencies, wherever it runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from msgspec import Raw

from penstock import codec
from penstock.arguments import Values
from penstock.context import TaskContext
from penstock.definition import Definition, located
from penstock.extensions import Extensions
from penstock.worker.child import Call
from penstock.worker.injection import Injection
from penstock.worker.processes import Processes
from penstock.worker.verdict import EndedApart, Returned, ended_in_child

__all__ = ["Execution", "Places"]


class Places(Protocol):
    """Where functions run that aren't coroutines, and what the app adds to all of them."""

    threads: ThreadPoolExecutor
    processes: Processes
    extensions: Extensions


@dataclass(eq=False, slots=True)
class Execution:
    """`payload` and `values` are the submitted arguments: as they came, and as the annotations want them."""

    definition: Definition
    context: TaskContext
    payload: bytes
    values: Values
    places: Places
    _thread: concurrent.futures.Future[Any] | None = None
    _injection: Injection | None = None
    _error: BaseException | None = None

    async def result(self) -> object:
        """What the function returns, or a middleware instead; Raw if it is JSON already. Raises what they raise, and
        EndedApart for what went wrong in a process of its own."""
        try:
            if not self.places.extensions.middlewares:
                return await self._result()
            execute: Callable[[], Awaitable[object]] = self._result
            for middleware in reversed(self.places.extensions.middlewares):
                execute = partial(middleware.execute, self.context, execute)
            return await execute()
        except SystemExit as error:  # it would end the whole worker
            raise RuntimeError(f"the task called sys.exit({error.code!r})") from error

    async def _result(self) -> object:
        if self.definition.place == "process":
            return await self._apart()
        needs = self.definition.parameters.needs
        if not needs:
            return await self._called(*self.values)
        self._injection = Injection(self.context, self.places.threads, self.places.extensions.overrides)
        try:
            injected = await self._injection.values(needs)
            return await self._called(*self.definition.arguments.with_injected(self.values, injected))
        except BaseException as error:
            self._error = error
            raise
        finally:
            if self._thread is None or self._thread.done():
                await self._clean_up()

    async def _called(self, args: Any, kwargs: Any) -> object:
        definition = self.definition
        if definition.is_async:
            return await definition.function(*args, **kwargs)
        if definition.place == "loop":
            return definition.function(*args, **kwargs)
        variables = contextvars.copy_context()
        self._thread = self.places.threads.submit(variables.run, definition.function, *args, **kwargs)
        return await asyncio.wrap_future(self._thread)

    async def _apart(self) -> object:
        module, qualname = located(self.definition.function)
        context = self.context
        call = Call(module, qualname, context.id, context.task, context.attempt, self.payload)
        ending = ended_in_child(await self.places.processes.run(call, context.progress))
        if not isinstance(ending, Returned):
            raise EndedApart(ending)
        return codec.decode_value(ending.value) if self.places.extensions.middlewares else Raw(ending.value)

    async def vacated(self) -> None:
        """Return when nothing of it runs any more. A thread can't be stopped: it keeps its place, and its dependencies,
        until it ends."""
        if self._thread is not None and not self._thread.done():
            await asyncio.wait([asyncio.wrap_future(self._thread)])
        await self._clean_up()

    async def _clean_up(self) -> None:
        injection, self._injection = self._injection, None
        if injection is not None:
            await injection.close(self._error)

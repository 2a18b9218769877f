"""The dependencies of one attempt: made before the function is called, cleaned up after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import Context, copy_context
from functools import partial
from types import TracebackType
from typing import Any

from penstock.context import TaskContext
from penstock.parameters import Need, Provider, provider
from penstock.worker.thread import Thread

__all__ = ["Injection", "Overrides"]

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]  # what stands in for what


class Injection:
    """Makes values in the order of the parameters and cleans up in the opposite one. Plain functions and generators
    run in the attempt's thread, where they may block. Context variables that they set are seen by what comes after
    them, as if it were one function."""

    def __init__(self, context: TaskContext, thread: Thread, overrides: Overrides) -> None:
        self._context = context
        self._thread = thread
        self._overrides = overrides
        self._made: dict[Callable[..., Any], Any] = {}
        self._stack = AsyncExitStack()

    async def values(self, needs: Iterable[Need]) -> dict[str, Any]:
        """One for each parameter."""
        return {need.name: await self._value(need.provider) for need in needs}

    async def _value(self, wanted: Provider | None) -> Any:
        if wanted is None:
            return self._context
        if wanted.cached and wanted.function in self._made:
            return self._made[wanted.function]
        instead = self._overrides.get(wanted.function)
        value = await self._make(wanted if instead is None else provider(instead))
        if wanted.cached:
            self._made[wanted.function] = value
        return value

    async def _make(self, wanted: Provider) -> Any:
        given = await self.values(wanted.needs)
        match wanted.kind:
            case "coroutine":
                return await wanted.function(**given)
            case "async generator":
                return await self._stack.enter_async_context(asynccontextmanager(wanted.function)(**given))
            case "generator":
                return await self._entered(_Halves(contextmanager(wanted.function)(**given)))
        return await self._in_thread(copy_context(), partial(wanted.function, **given))

    async def _entered(self, halves: _Halves) -> Any:
        """Where this is cancelled meanwhile, the thread still ends its part, and what it has made is cleaned up."""
        self._stack.push_async_exit(partial(self._left, halves))
        return await self._in_thread(halves.variables, halves.enter)

    async def _left(self, halves: _Halves, *raised: Any) -> bool:
        await self._thread.ended()  # what was cut off while it cleaned up
        return halves.entered and bool(await self._in_thread(halves.variables, partial(halves.leave, *raised)))

    async def _in_thread(self, variables: Context, function: Callable[[], Any]) -> Any:
        made = await self._thread.run(variables, function)
        _adopt(variables)
        return made

    async def close(self, error: BaseException | None) -> None:
        """Clean up, once the thread has ended what it is at. Generators see `error` at their yield; they can't swallow
        it, and may raise one of their own."""
        await self._thread.ended()
        stack = self._stack.pop_all()
        await stack.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)


class _Halves:
    """A plain generator before and after its yield. Both run in one context: the token of a variable that the first
    sets is good for the second."""

    def __init__(self, manager: AbstractContextManager[Any]) -> None:
        self.variables = copy_context()
        self.entered = False
        self._manager = manager

    def enter(self) -> Any:
        """Run it up to its yield."""
        made = self._manager.__enter__()
        self.entered = True
        return made

    def leave(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> Any:
        """Run the rest."""
        return self._manager.__exit__(kind, error, at)


_NOWHERE = object()


def _adopt(variables: Context) -> None:
    """Set what was set in there."""
    for variable, value in variables.items():
        if variable.get(_NOWHERE) is not value:
            variable.set(value)

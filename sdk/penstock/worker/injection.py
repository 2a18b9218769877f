"""The dependencies of one attempt: made before the function is called, cleaned up after it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

from penstock.context import TaskContext
from penstock.parameters import Need, Provider, provider

__all__ = ["Injection", "Overrides"]

T = TypeVar("T")
Overrides = Mapping[Callable[..., Any], Callable[..., Any]]  # what stands in for what


class Injection:
    """Makes values in the order of the parameters and cleans up in the opposite one. Plain functions and generators
    run in threads, where they may block."""

    def __init__(self, context: TaskContext, threads: ThreadPoolExecutor, overrides: Overrides) -> None:
        self._context = context
        self._threads = threads
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
                return await self._entered(contextmanager(wanted.function)(**given))
        return await self._in_thread(partial(wanted.function, **given))

    async def _entered(self, manager: AbstractContextManager[T]) -> T:
        """Where this is cancelled meanwhile, the thread still ends its part, and what it has made is cleaned up."""
        entering = asyncio.create_task(self._in_thread(manager.__enter__))
        try:
            await asyncio.shield(entering)
        finally:
            await asyncio.wait([entering])
            if entering.exception() is None:
                self._stack.push_async_exit(partial(self._in_thread, manager.__exit__))
        return entering.result()

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        loop, variables = asyncio.get_running_loop(), contextvars.copy_context()
        return await loop.run_in_executor(self._threads, variables.run, partial(function, *args))

    async def close(self, error: BaseException | None) -> None:
        """Clean up. Generators see `error` at their yield; they can't swallow it, and may raise one of their own."""
        stack = self._stack.pop_all()
        await stack.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)

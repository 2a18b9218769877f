"""One call of a task's function in a process that has nothing else to do."""

from __future__ import annotations

import asyncio
from functools import partial

from penstock.arguments import Values
from penstock.context import TaskContext
from penstock.definition import Definition
from penstock.worker.databases import Threads, as_in_an_async_request
from penstock.worker.injection import Injection

__all__ = ["called"]


def called(definition: Definition, payload: bytes, context: TaskContext) -> object:
    """What the function returns. A plain one runs in this thread and outside of any event loop, so that it may have
    one of its own; only its dependencies need ours."""
    args, kwargs = definition.arguments.converted(payload)
    needs = definition.parameters.needs
    if any(need.provider for need in needs):
        return _with_dependencies(definition, (args, kwargs), context)
    if needs:
        injected = {need.name: context for need in needs}
        args, kwargs = definition.arguments.with_injected((args, kwargs), injected)
    if definition.is_async:
        return asyncio.run(as_in_an_async_request(partial(definition.function, *args, **kwargs)))
    return definition.function(*args, **kwargs)


def _with_dependencies(definition: Definition, values: Values, context: TaskContext) -> object:
    error: BaseException | None = None
    with Threads(1) as threads, asyncio.Runner() as runner:
        injection = Injection(context, threads, {})
        try:
            injected = runner.run(injection.values(definition.parameters.needs))
            args, kwargs = definition.arguments.with_injected(values, injected)
            if definition.is_async:
                return runner.run(as_in_an_async_request(partial(definition.function, *args, **kwargs)))
            return definition.function(*args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            runner.run(injection.close(error))

"""One call of a task's function in a process that has nothing else to do."""

from __future__ import annotations

import asyncio
from contextvars import Context
from functools import partial
from typing import Any

from penstock.arguments import Values
from penstock.context import TaskContext
from penstock.definition import Definition
from penstock.worker.databases import Threads, as_in_an_async_request
from penstock.worker.injection import Injection
from penstock.worker.thread import Thread

__all__ = ["called"]


def called(definition: Definition, payload: bytes, context: TaskContext, variables: Context) -> object:
    """What the function returns. A plain one runs in this thread and outside of any event loop, so that it may have
    one of its own; only its dependencies need ours. All of it sees the same context `variables`."""
    values = variables.run(definition.arguments.converted, payload)
    needs = definition.parameters.needs
    if any(need.provider for need in needs):
        return _with_dependencies(definition, values, context, variables)
    if needs:
        values = definition.arguments.with_injected(values, {need.name: context for need in needs})
    if not definition.is_async:
        return _value(definition, values, variables)
    with asyncio.Runner() as runner:
        return runner.run(as_in_an_async_request(partial(_value, definition, values, variables)), context=variables)


def _with_dependencies(definition: Definition, values: Values, context: TaskContext, variables: Context) -> object:
    error: BaseException | None = None
    with Threads(1) as threads, asyncio.Runner() as runner:
        injection = Injection(context, Thread(threads), {})
        try:
            injected = runner.run(injection.values(definition.parameters.needs), context=variables)
            given = definition.arguments.with_injected(values, injected)
            if not definition.is_async:
                return _value(definition, given, variables)
            work = as_in_an_async_request(partial(_value, definition, given, variables))
            return runner.run(work, context=variables)
        except BaseException as raised:
            error = raised
            raise
        finally:
            runner.run(injection.close(error), context=variables)


def _value(definition: Definition, values: Values, variables: Context) -> Any:
    args, kwargs = values
    if definition.is_async:  # in a task of these variables already
        return definition.function(*args, **kwargs)
    return variables.run(partial(definition.function, *args, **kwargs))

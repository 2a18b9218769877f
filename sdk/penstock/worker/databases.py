"""Django's database connections in tasks, handled as around a request: those that are broken or too old are closed
before and after each piece of work, in the thread that did it. Where Django isn't used, nothing happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from penstock.context import TaskContext
from penstock.middleware import Execute, Middleware
from penstock.worker.pool import Pool

__all__ = ["Requests", "Threads", "as_in_a_request", "as_in_an_async_request", "preparation", "used"]

R = TypeVar("R")


def used() -> bool:
    """Whether Django's databases may be used in this process. Costs nearly nothing, and imports nothing."""
    configuration = sys.modules.get("django.conf")
    return configuration is not None and "django.db" in sys.modules and bool(configuration.settings.configured)


@contextmanager
def as_in_a_request() -> Iterator[None]:
    """Around a piece of a task, in the thread that runs it."""
    if not used():
        yield
        return
    from django.db import reset_queries

    reset_queries()
    _close_old()
    try:
        yield
    finally:
        _close_old()


def _close_old() -> None:
    """As django.db.close_old_connections, but for a dependency that has begun a transaction and is in use."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


async def as_in_an_async_request(work: Callable[[], Awaitable[R]]) -> R:
    """The same for async code, whose `sync_to_async` gets a thread of its own; it ends with the work, and so do its
    connections."""
    if not used():
        return await work()
    from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
    from django.db import connections

    async with ThreadSensitiveContext():
        try:
            return await work()
        finally:
            if SyncToAsync.thread_sensitive_context.get() in SyncToAsync.context_to_thread_executor:
                await sync_to_async(connections.close_all)()


class Threads(Pool):
    """Where plain functions run."""

    def around(self, function: Callable[[], R]) -> Callable[[], R]:
        """See Pool."""
        return partial(_in_a_request, function) if used() else function


def _in_a_request(work: Callable[[], R]) -> R:
    with as_in_a_request():
        return work()


class Requests(Middleware):
    """For async tasks and dependencies; a worker adds it itself."""

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        return await as_in_an_async_request(execute)


def preparation() -> Callable[[], None] | None:
    """What a new process has to call before it imports tasks: models want their apps, if this process has some."""
    registry = sys.modules.get("django.apps")
    if registry is None or not registry.apps.ready or "DJANGO_SETTINGS_MODULE" not in os.environ:
        return None
    import django

    return django.setup

"""A registered task: still the plain function when called, with ways to submit it beside that."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, cast

from penstock.declaration import Duration, checked_options
from penstock.definition import Definition
from penstock.family import Parent, parent
from penstock.flow import Group, Many
from penstock.handle import Handle
from penstock.keys import Priority
from penstock.retry import RetryPolicy
from penstock.submission import CallOptions, Scope, Signature, Submitter

__all__ = ["AsyncTask", "Call", "Submitter", "SyncTask", "Task", "checked_options"]

P = ParamSpec("P")
R = TypeVar("R")


class OptionFields(TypedDict, total=False):
    """What `.options(...)` takes; seconds. See CallOptions."""

    queue: str
    priority: Priority
    delay: Duration
    at: datetime
    timeout: Duration
    deadline: Duration
    retry: RetryPolicy
    max_attempts: int
    result_ttl: Duration
    expires: Duration
    key: str
    until: Scope
    key_ttl: Duration
    keep_on_failure: bool
    concurrency_key: str
    resource: bool | str
    child: bool
    debounce: Duration
    id: str


class Call(Generic[P, R]):
    """A task with the options of one or more calls."""

    def __init__(self, definition: Definition, submitter: Submitter, options: CallOptions) -> None:
        self.definition = definition
        self._submitter = submitter
        self._options = options

    def s(self, /, *args: P.args, **kwargs: P.kwargs) -> Signature[R]:
        """The call as data, for `app.enqueue_many` and flows. Raises TypeError for arguments that don't fit."""
        return Signature(self.definition, args, kwargs, self._options, self._submitter, self._parent())

    def _parent(self) -> Parent | None:
        return parent(self.definition.name) if self._options.child else None

    @property
    def _queue(self) -> str:
        return self._options.queue or self.definition.options.queue

    def map(self, items: Iterable[Any]) -> Many[R]:
        """A group of calls, one for each item: the first argument. See `group`."""
        make: Callable[..., Signature[R]] = self.s
        return Group([make(item) for item in items], self._submitter, self._queue)

    def starmap(self, items: Iterable[Iterable[Any]]) -> Many[R]:
        """The same where each item holds all arguments."""
        make: Callable[..., Signature[R]] = self.s
        return Group([make(*item) for item in items], self._submitter, self._queue)

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Submit the call."""
        return await self._submitter.submit(self.s(*args, **kwargs))

    def enqueue_sync(self, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Submit the call from sync code."""
        return self._submitter.submit_sync(self.s(*args, **kwargs))

    delay = enqueue_sync

    def enqueue_blocking(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Submit the call from sync code that an event loop has called: a helper of an async view, say. The loop, and
        whatever else runs on it, stands still for one round trip to the broker; `await ….enqueue(…)` is better."""
        return self._submitter.submit_blocking(self.s(*args, **kwargs))

    def options(self, **changes: Unpack[OptionFields]) -> Call[P, R]:
        """The same task with options for the calls made from here."""
        checked_options(changes, OptionFields, f"{self.definition.name}.options")
        return Call(self.definition, self._submitter, replace(self._options, **cast("Any", changes)))


class Task(Call[P, R]):
    """What `@app.task` makes of a function."""

    def __init__(self, definition: Definition, submitter: Submitter) -> None:
        super().__init__(definition, submitter, CallOptions())
        update_wrapper(self, definition.function)  # type: ignore[arg-type]  # a Task is callable in its subclasses

    def __repr__(self) -> str:
        return f"Task({self.definition.name!r})"

    @property
    def name(self) -> str:
        """The registered name."""
        return self.definition.name


class AsyncTask(Task[P, R]):
    """A task of a coroutine function."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call the function itself, here and now."""
        function: Callable[P, Coroutine[Any, Any, R]] = self.definition.function
        return function(*args, **kwargs)


class SyncTask(Task[P, R]):
    """A task of a plain function."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now."""
        function: Callable[P, R] = self.definition.function
        return function(*args, **kwargs)

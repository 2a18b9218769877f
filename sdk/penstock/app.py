"""The application object: it registers tasks and is the way to submit them."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Coroutine, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, Unpack, overload

from penstock.broker import Broker, connect
from penstock.client import BrokerClient
from penstock.definition import Definition, Options, Place, task_name
from penstock.errors import ConfigurationError
from penstock.handle import Handle
from penstock.keys import Priority, checked_queue
from penstock.namespace import current_namespace
from penstock.portal import Portal
from penstock.queue import Queue
from penstock.retry import RetryPolicy
from penstock.submission import Signature
from penstock.task import AsyncTask, SyncTask, Task

if TYPE_CHECKING:
    from penstock.resource_client import ResourceClient

__all__ = ["Penstock"]

P = ParamSpec("P")
R = TypeVar("R")


class TaskFields(TypedDict, total=False):
    """What `@app.task(...)` takes; seconds. `max_attempts` is short for `retry=RetryPolicy(max_attempts)`."""

    name: str
    queue: str
    priority: Priority
    retry: RetryPolicy
    max_attempts: int
    timeout: float
    result_ttl: float
    expires: float
    retry_on: tuple[type[BaseException], ...]
    give_up_on: tuple[type[BaseException], ...]
    run_in: Place
    broadcast: bool


class _Decorator:
    """Keeps the type of a coroutine function apart from that of a plain one."""

    def __init__(self, app: Penstock, fields: TaskFields) -> None:
        self._app = app
        self._fields = fields

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a coroutine function is the closer match of the two
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    def __call__(self, function: Callable[P, Any], /) -> Task[P, Any]:
        """Register the function."""
        return self._app._register(function, self._fields)


class Penstock:
    """One application's tasks.

    `url` is the broker's, by default PENSTOCK_URL; `namespace` is part of every key, by default PENSTOCK_NAMESPACE,
    else the pod's own, else "default". Nothing connects before the first submission, and then once for each event
    loop; `async with app:` closes the connections at its end.
    """

    def __init__(self, name: str, *, url: str | None = None, namespace: str | None = None) -> None:
        self.name = name
        self.definitions: dict[str, Definition] = {}
        self._url = url
        self._namespace = namespace
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, BrokerClient] = weakref.WeakKeyDictionary()
        self._resources: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ResourceClient] = (
            weakref.WeakKeyDictionary()
        )
        self._portal = Portal()

    # --- registering ----------------------------------------------------------------------------------------------

    @overload
    def task(  # type: ignore[overload-overlap]  # a coroutine function is the closer match of the two
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    @overload
    def task(self, /, **fields: Unpack[TaskFields]) -> _Decorator: ...
    def task(self, function: Callable[P, Any] | None = None, /, **fields: Unpack[TaskFields]) -> Any:
        """Make a function a task: `@app.task` or `@app.task(queue="emails", max_attempts=5)`."""
        decorator = _Decorator(self, fields)
        return decorator if function is None else decorator(function)

    def _register(self, function: Callable[P, Any], fields: TaskFields) -> Task[P, Any]:
        name = fields.get("name") or task_name(self.name, function)
        if name in self.definitions:
            raise ConfigurationError(f"two tasks are named {name!r}: pass name= to one of them")
        retry = fields.get("retry")
        if "max_attempts" in fields:
            base = retry or RetryPolicy()
            retry = RetryPolicy(fields["max_attempts"], base.initial, base.factor, base.maximum, base.jitter)
        options = Options(
            fields.get("queue", self.name),
            fields.get("priority", "normal"),
            retry,
            fields.get("timeout"),
            fields.get("result_ttl"),
            fields.get("expires"),
            fields.get("retry_on"),
            fields.get("give_up_on", ()),
            fields.get("run_in"),
            fields.get("broadcast", False),
        )
        definition = self.definitions[name] = Definition(name, function, options)
        return AsyncTask(definition, self) if definition.is_async else SyncTask(definition, self)

    @property
    def queues(self) -> list[str]:
        """The queues of the registered tasks, in the order of their registration; the app's own if there are none."""
        return list(dict.fromkeys(d.options.queue for d in self.definitions.values())) or [self.name]

    # --- where it talks to ----------------------------------------------------------------------------------------

    @cached_property
    def url(self) -> str:
        """The broker's URL."""
        url = self._url or os.environ.get("PENSTOCK_URL")
        if not url:
            raise ConfigurationError("no broker: set PENSTOCK_URL or pass url= (redis://… or memory://)")
        return url

    @cached_property
    def namespace(self) -> str:
        """The namespace whose queues these are."""
        return self._namespace or current_namespace()

    @cached_property
    def _memory(self) -> Broker:
        return connect(self.url, self.namespace)

    def broker(self) -> Broker:
        """A new connection to the broker (for memory://, the one that this app owns)."""
        return self._memory if self.url.startswith("memory://") else connect(self.url, self.namespace)

    def _client(self) -> BrokerClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = BrokerClient(self.broker())
        return self._clients[loop]

    async def _resource_client(self) -> ResourceClient:
        from penstock.kube import Kube
        from penstock.resource_client import ResourceClient

        loop = asyncio.get_running_loop()
        if loop not in self._resources:
            self._resources[loop] = ResourceClient(await Kube.connect(), self.namespace)
        return self._resources[loop]

    # --- submitting -----------------------------------------------------------------------------------------------

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Submit one call, to the broker or as a resource."""
        if call.options.resource:
            return await (await self._resource_client()).submit(call)
        return await self._client().submit(call)

    def submit_sync(self, call: Signature[R]) -> Handle[R]:
        """Submit from sync code, through a loop in a thread of its own."""
        return self._portal.run(self.submit(call), "await ….enqueue(…)")

    async def enqueue_many(self, calls: Iterable[Signature[R]]) -> list[Handle[R]]:
        """Submit many calls in few round trips. Handles come in the calls' order."""
        asked = list(calls)
        if not asked:
            return []
        if all(call.options.resource for call in asked):
            return await (await self._resource_client()).submit_many(asked)
        if any(call.options.resource for call in asked):
            raise ConfigurationError("enqueue_many: some calls are resources and some aren't; submit them apart")
        return await self._client().submit_many(asked)

    def queue(self, name: str | None = None) -> Queue:
        """A queue of this namespace: to look into, pause, and see to its dead letters. Default: the app's own."""
        return Queue(checked_queue(name or self.name), self._client().broker)

    def handle(self, id: str) -> Handle[Any]:
        """The handle of a task that was submitted elsewhere to the broker."""
        return Handle(id, self._client())

    async def resource(self, name: str) -> Handle[Any]:
        """The handle of a Task resource in this namespace."""
        return Handle(name, await self._resource_client())

    # --- life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Penstock:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close this loop's connections."""
        loop = asyncio.get_running_loop()
        if (client := self._clients.pop(loop, None)) is not None:
            await client.close()
        if (resources := self._resources.pop(loop, None)) is not None:
            await resources.close()

"""The application object: it registers tasks and is the way to submit them."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from penstock import limits
from penstock.batch import BatchFields, BatchHandle
from penstock.broker import Broker
from penstock.connections import Connections
from penstock.declaration import TaskDefaults, TaskFields, checked_defaults, checked_options, declared
from penstock.definition import Definition, task_name
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError
from penstock.extensions import Extensions
from penstock.flow import Flow
from penstock.gathering import as_completed, gather
from penstock.handle import Handle
from penstock.hooks import After, Before, OnError, OnRetry
from penstock.keys import checked_id, checked_queue
from penstock.lifespan import Lifespan, Setting
from penstock.links import COLLECT, EACH
from penstock.middleware import Middleware, Send
from penstock.plan import Plan
from penstock.queue import Queue
from penstock.sealing import PayloadCodec
from penstock.submission import Signature
from penstock.task import AsyncTask, SyncTask, Task

__all__ = ["Penstock"]

P = ParamSpec("P")
R = TypeVar("R")


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

    `lifespan` makes an async context manager that surrounds the use of the app in a process, `async with app:` as well
    as a worker; what it yields is `app.state` meanwhile. `codec` seals arguments, results and checkpoints on their way,
    for example by encryption.

    `name` is the first part of its tasks' names, and its default queue. `task_defaults` holds for those of its tasks
    that don't say otherwise: `Penstock("shop", task_defaults={"max_attempts": 1, "timeout": 30})`.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str | None = None,
        namespace: str | None = None,
        lifespan: Setting | None = None,
        codec: PayloadCodec | None = None,
        task_defaults: TaskDefaults | None = None,
    ) -> None:
        if not limits.QUEUE.fits(name):
            raise ConfigurationError(
                f"Penstock({name!r}): the name of an app is the name of its default queue, too: use {limits.QUEUE.told}"
            )
        self.name = name
        self._task_defaults = checked_defaults(task_defaults or {})
        self.definitions: dict[str, Definition] = {}
        self.tasks: dict[str, Task[..., Any]] = {}
        self.extensions = Extensions(codec=codec)
        self.connections = Connections(url, namespace, codec=codec)
        self.lifespan = Lifespan(lifespan)

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
        options = declared(fields, self.name, self._task_defaults)
        own = fields.get("name")
        name = task_name(self.name, function) if own is None else limits.TASK_NAME.checked("@app.task", "name", own)
        if name in (COLLECT, EACH):
            raise ConfigurationError(f"@app.task(name={name!r}): that task is Penstock's own; use another name")
        if name in self.definitions:
            raise ConfigurationError(f"two tasks are named {name!r}: pass name= to one of them")
        definition = self.definitions[name] = Definition(name, function, options)
        task = AsyncTask[P, Any](definition, self) if definition.is_async else SyncTask[P, Any](definition, self)
        self.tasks[name] = task
        return task

    @property
    def queues(self) -> list[str]:
        """The queues of the registered tasks, in the order of their registration; the app's own if there are none."""
        return list(dict.fromkeys(d.options.queue for d in self.definitions.values())) or [self.name]

    # --- where it talks to ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The broker's URL."""
        return self.connections.url

    @property
    def namespace(self) -> str:
        """The namespace whose queues these are."""
        return self.connections.namespace

    def broker(self) -> Broker:
        """A new connection to the broker (for memory://, the one that this app owns)."""
        return self.connections.broker()

    @property
    def codec(self) -> PayloadCodec | None:
        """What seals arguments and results."""
        return self.extensions.codec

    # --- extending ------------------------------------------------------------------------------------------------

    def add_middleware(self, middleware: Middleware) -> None:
        """Surround sending and running every task with it, inside of those that were added before."""
        self.extensions.middlewares.append(middleware)

    @property
    def dependency_overrides(self) -> dict[Callable[..., Any], Callable[..., Any]]:
        """What stands in for dependencies, by the functions that tasks depend on: for tests."""
        return self.extensions.overrides

    def before(self, hook: Before) -> Before:
        """Call this before each attempt: `@app.before` on a function of the TaskContext."""
        self.extensions.hooks.before.append(hook)
        return hook

    def after(self, hook: After) -> After:
        """Call this after each success, with the TaskContext and the result as plain data."""
        self.extensions.hooks.after.append(hook)
        return hook

    def on_error(self, hook: OnError) -> OnError:
        """Call this after each failed attempt, with the TaskContext and the Failure."""
        self.extensions.hooks.error.append(hook)
        return hook

    def on_retry(self, hook: OnRetry) -> OnRetry:
        """Call this besides where there is another attempt, with the TaskContext, the Failure and the delay."""
        self.extensions.hooks.retry.append(hook)
        return hook

    # --- submitting -----------------------------------------------------------------------------------------------

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Submit one call, to the broker or as a resource."""
        self._check_own([call])
        if self.extensions.middlewares:
            [handle] = await self._through([call], self._send)
            return handle
        if call.options.resource:
            return await (await self.connections.resources()).submit(call)
        return await self.connections.client().submit(call)

    def submit_sync(self, call: Signature[R]) -> Handle[R]:
        """Submit from sync code, through a loop in a thread of its own."""
        return self.connections.portal.run(self.submit(call), "await ….enqueue(…)")

    async def enqueue_many(self, calls: Iterable[Signature[R]]) -> list[Handle[R]]:
        """Submit many calls in few round trips. Handles come in the calls' order."""
        asked = list(calls)
        self._check_own(asked)
        return await self._through(asked, self._send) if self.extensions.middlewares else await self._send(asked)

    def _check_own(self, calls: Sequence[Signature[Any]]) -> None:
        """Raise ConfigurationError for the first call of another app, whose broker may be another, too."""
        for call in calls:
            if call.app is not self:
                raise ConfigurationError(
                    f"{call.definition.name} is a task of app {call.app.name!r}, not of app {self.name!r}: submit it "
                    "through its own app"
                )

    async def _through(self, calls: Sequence[Signature[R]], send: Send) -> list[Handle[R]]:
        """Send them through the middlewares."""
        for middleware in reversed(self.extensions.middlewares):
            send = partial(middleware.send, send=send)
        return await send(calls)

    async def _send(self, calls: Sequence[Signature[R]]) -> list[Handle[R]]:
        if not calls:
            return []
        if all(call.options.resource for call in calls):
            return await (await self.connections.resources()).submit_many(calls)
        if any(call.options.resource for call in calls):
            raise ConfigurationError("enqueue_many: some calls are resources and some aren't; submit them apart")
        return await self.connections.client().submit_many(calls)

    def enqueue_many_sync(self, calls: Iterable[Signature[R]]) -> list[Handle[R]]:
        """The same from sync code."""
        return self.connections.portal.run(self.enqueue_many(calls), "await app.enqueue_many(…)")

    async def send_prepared(self, messages: Sequence[Envelope]) -> None:
        """Queue calls whose messages were made before, for outboxes. What the broker knows by its id stays as it is."""
        await self.connections.client().send_prepared(messages, self.connections.now())

    async def submit_flow(self, flow: Flow[R]) -> Handle[R]:
        """Submit all calls of a flow. The handle is the last one's."""
        plan = Plan(flow, os.urandom(12).hex(), self.name, self.codec)
        for call in plan.members:
            if not (isinstance(call.app, Penstock) and call.app.connections.share_broker(self.connections)):
                self._check_own([call])
        await self._through(plan.calls, partial(self._send_planned, plan))
        return Handle(plan.last.id, self.connections.tasks, plan.returns)

    async def _send_planned(self, plan: Plan, calls: Sequence[Signature[Any]]) -> list[Handle[Any]]:
        plan.change(calls)
        await self.connections.client().submit_plan(plan)
        return [self.handle(step.id) for step in plan.called]

    def submit_flow_sync(self, flow: Flow[R]) -> Handle[R]:
        """The same from sync code."""
        return self.connections.portal.run(self.submit_flow(flow), "await flow.enqueue()")

    async def batch(
        self, calls: Iterable[Signature[R]] | AsyncIterable[Signature[R]], **options: Unpack[BatchFields]
    ) -> BatchHandle[R]:
        """Submit any number of calls of one task as one TaskBatch resource: `await app.batch(task.s(i) for i in …)`.
        They are streamed to the broker a few hundred at a time. Returns when the broker has them all."""
        checked_options(options, BatchFields, "batch")
        client = await self.connections.batches()
        through = self._through if self.extensions.middlewares else None
        return await client.submit(calls, options, self._check_own, through)

    def batch_handle(self, name: str) -> BatchHandle[Any]:
        """The handle of a TaskBatch in this namespace."""
        return BatchHandle(limits.RESOURCE_NAME.checked("app.batch_handle", "name", name), self.connections.batches)

    def queue(self, name: str | None = None) -> Queue:
        """A queue of this namespace: to look into, pause, and see to its dead letters. Default: the app's own."""
        return Queue(checked_queue(self.name if name is None else name), lambda: self.connections.client().broker)

    def handle(self, id: str) -> Handle[Any]:
        """The handle of a task that was submitted elsewhere to the broker. Raises ConfigurationError for no id."""
        return Handle(checked_id(id), self.connections.tasks)

    def resource(self, name: str) -> Handle[Any]:
        """The handle of a Task resource in this namespace."""
        return Handle(limits.RESOURCE_NAME.checked("app.resource", "name", name), self.connections.task_resources)

    def as_completed(
        self, handles: Iterable[Handle[R]], timeout: float | None = None
    ) -> AsyncGenerator[Handle[R], None]:
        """Each handle when its task has ended, however that was: `async for handle in app.as_completed(handles)`.
        Raises ResultTimeout after `timeout` seconds."""
        return as_completed(handles, timeout)

    async def gather(self, handles: Iterable[Handle[R]], timeout: float | None = None) -> list[R]:
        """Their results, in the handles' order. When all have ended: raises what the first failed one's raises."""
        return await gather(handles, timeout)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Await something of this app from sync code: `app.run(app.queue().depth())`. Inside a running event loop: a
        clear error."""
        return self.connections.portal.run(work, "await")

    # --- life -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """What the lifespan yielded; None outside of it."""
        return self.lifespan.state

    async def __aenter__(self) -> Penstock:
        await self.lifespan.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self.lifespan.__aexit__(*exc)
        finally:
            if not self.lifespan.is_open:
                await self.close()

    async def close(self) -> None:
        """Close this loop's connections."""
        await self.connections.close()

"""The application object: it registers tasks and submits their calls."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, Unpack, overload

from penstock import limits
from penstock.batch import BatchFields, BatchHandle
from penstock.bounds import refused
from penstock.broker import Broker
from penstock.codec import SHOWN_LENGTH
from penstock.connections import Connections
from penstock.declaration import TaskDefaults, TaskFields, checked_defaults, checked_options, declared
from penstock.definition import Definition, plain_function, task_name
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError, NotConnected
from penstock.extensions import Extensions
from penstock.flow import Flow
from penstock.gathering import as_completed, gather
from penstock.handle import Handle
from penstock.hooks import After, Before, OnError, OnRetry
from penstock.keys import checked_id, checked_queue
from penstock.lifespan import Lifespan, Setting
from penstock.links import COLLECT, EACH
from penstock.middleware import Middleware, Send
from penstock.patience import Patience, checked_patience
from penstock.plan import Plan
from penstock.queue import Queue
from penstock.sealing import PayloadCodec
from penstock.shown import shown
from penstock.submission import Signature
from penstock.task import AsyncTask, SyncTask, Task
from penstock.worker_settings import RunFields, WorkerSettings, WorkFields, chosen

if TYPE_CHECKING:
    from penstock.worker import Worker

__all__ = ["Penstock"]

P = ParamSpec("P")
R = TypeVar("R")
_WAITS = "which blocks it for one round trip"


class _Decorator:
    """Gives coroutine functions and plain functions their different types."""

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


def _check_kinds(url: object, worker: object, codec: object) -> None:
    """Raise ConfigurationError for an option of another kind, which would fail much later, and elsewhere."""
    if url is not None and not isinstance(url, str):
        raise refused("Penstock", "url", url, "use a str, such as redis://… or memory://")
    if worker is not None and not isinstance(worker, WorkerSettings):
        raise refused("Penstock", "worker", worker, "use WorkerSettings(…)")
    if codec is not None and not all(hasattr(codec, name) for name in ("name", "encode", "decode")):
        raise refused("Penstock", "codec", codec, "use an object with name, encode and decode, see PayloadCodec")


class Penstock:
    """The tasks of one application.

    - `url`: the URL of the broker. Default: PENSTOCK_URL.
    - `namespace`: a part of every key in the broker. Default: PENSTOCK_NAMESPACE, else the namespace of the pod, else
      "default".
    - `lifespan`: a function that returns an async context manager. `async with app:` and workers enter it. What it
      yields is `app.state` while it is open.
    - `codec`: encrypts or compresses arguments, results and checkpoints.
    - `worker`: how its workers work, unless a flag or the environment says otherwise.
    - `task_defaults`: options for those of its tasks that don't set them: `task_defaults={"max_attempts": 1}`.

    `name` is the first part of the names of its tasks, and its default queue.

    The app connects at the first submission, once for each event loop. `async with app:` closes the connections at its
    end.
    """

    def __init__(  # noqa: PLR0913 — all but the name are options, given by their names
        self,
        name: str,
        *,
        url: str | None = None,
        namespace: str | None = None,
        lifespan: Setting | None = None,
        codec: PayloadCodec | None = None,
        worker: WorkerSettings | None = None,
        task_defaults: TaskDefaults | None = None,
    ) -> None:
        if not limits.QUEUE.fits(name):
            raise ConfigurationError(
                f"Penstock({name!r}): the name of an app is the name of its default queue, too: use {limits.QUEUE.told}"
            )
        _check_kinds(url, worker, codec)
        self.name = name
        self.worker_settings = worker or WorkerSettings()
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
        function = plain_function(function)
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
        """The queues of the registered tasks, in the order of registration. Without tasks: the app's own queue."""
        return list(dict.fromkeys(d.options.queue for d in self.definitions.values())) or [self.name]

    # --- where it talks to ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The URL of the broker."""
        return self.connections.url

    @property
    def namespace(self) -> str:
        """The namespace of the queues."""
        return self.connections.namespace

    def broker(self) -> Broker:
        """A new connection to the broker. For memory://, the broker of this app."""
        return self.connections.broker()

    @property
    def codec(self) -> PayloadCodec | None:
        """The codec for arguments, results and checkpoints; None without one."""
        return self.extensions.codec

    # --- extending ------------------------------------------------------------------------------------------------

    def add_middleware(self, middleware: Middleware) -> None:
        """Wrap it around sending and running every task. The middleware that was added first is the outermost."""
        self.extensions.middlewares.append(middleware)

    @property
    def dependency_overrides(self) -> dict[Callable[..., Any], Callable[..., Any]]:
        """Replacements of dependencies, for tests: the function that tasks depend on → the function to call instead."""
        return self.extensions.overrides

    def before(self, hook: Before) -> Before:
        """Register a hook that is called before each attempt.

        @app.before
        def started(context: TaskContext) -> None: ...
        """
        self.extensions.hooks.before.append(hook)
        return hook

    def after(self, hook: After) -> After:
        """Register a hook that is called after each attempt that succeeded. The result is plain data.

        @app.after
        def succeeded(context: TaskContext, result: Any) -> None: ...
        """
        self.extensions.hooks.after.append(hook)
        return hook

    def on_error(self, hook: OnError) -> OnError:
        """Register a hook that is called after each attempt that failed.

        @app.on_error
        def failed(context: TaskContext, failure: Failure) -> None: ...
        """
        self.extensions.hooks.error.append(hook)
        return hook

    def on_retry(self, hook: OnRetry) -> OnRetry:
        """Register a hook that is called after `on_error` when another attempt follows, in `delay` seconds.

        @app.on_retry
        def retried(context: TaskContext, failure: Failure, delay: float) -> None: ...
        """
        self.extensions.hooks.retry.append(hook)
        return hook

    # --- submitting -----------------------------------------------------------------------------------------------

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Submit one call to the broker, or as a resource."""
        self.check_own([call])
        if self.extensions.middlewares:
            [handle] = await self._through([call], self._send)
            return handle
        if call.options.resource:
            return await (await self.connections.resources()).submit(call)
        return await self.connections.client().submit(call)

    def submit_sync(self, call: Signature[R]) -> Handle[R]:
        """Submit from sync code, through a loop in a thread of its own."""
        return self.connections.portal.run(self.submit(call), f"await ….enqueue(…), or ….enqueue_blocking(…), {_WAITS}")

    def submit_blocking(self, call: Signature[R]) -> Handle[R]:
        """Submit from sync code, also where an event loop runs, which stands still meanwhile."""
        return self.connections.portal.run_blocking(self.submit(call))

    async def enqueue_many(self, calls: Iterable[Signature[R]]) -> list[Handle[R]]:
        """Submit many calls in few round trips. Returns their handles in the same order."""
        asked = list(calls)
        self.check_own(asked)
        return await self._through(asked, self._send) if self.extensions.middlewares else await self._send(asked)

    def check_own(self, calls: Sequence[Signature[Any]]) -> None:
        """Raise ConfigurationError for the first that is no call, or one of another app, whose broker may be another,
        too."""
        for call in calls:
            if not isinstance(call, Signature):
                raise ConfigurationError(f"{shown(call, SHOWN_LENGTH)} is no call: use task.s(…)")
            if call.app is not self:
                raise ConfigurationError(
                    f"{call.definition.name} is a task of app {call.app.name!r}, not of app {self.name!r}: submit it "
                    "through its own app"
                )

    async def _through(self, calls: Sequence[Signature[R]], send: Send) -> list[Handle[R]]:
        """Send them through the middlewares."""
        for middleware in reversed(self.extensions.middlewares):
            send = partial(middleware.send, send=send)
        handles = await send(calls)
        if not isinstance(handles, list) or len(handles) != len(calls):
            raise ConfigurationError(
                f"a middleware's send returned {shown(handles, SHOWN_LENGTH)}: it must return what `send` gave it, a "
                f"handle for each of {len(calls)} calls; these may have been queued"
            )
        return handles

    async def _send(self, calls: Sequence[Signature[R]]) -> list[Handle[R]]:
        if not calls:
            return []
        if all(call.options.resource for call in calls):
            return await (await self.connections.resources()).submit_many(calls)
        if any(call.options.resource for call in calls):
            raise ConfigurationError("enqueue_many: some calls have resource= and some don't; submit them in two calls")
        return await self.connections.client().submit_many(calls)

    def _check_apps(self, calls: Iterable[Signature[Any]]) -> None:
        """Raise ConfigurationError for a call of an app whose tasks another broker has."""
        for call in calls:
            other = call.app
            if other is not self and isinstance(other, Penstock) and not self.connections.same(other.connections):
                raise ConfigurationError(
                    f"{call.definition.name}: a task of the app {other.name!r}, whose broker or namespace isn't that "
                    f"of {self.name!r}: submit it by itself, or give both apps one url= and namespace="
                )

    def enqueue_many_sync(self, calls: Iterable[Signature[R]]) -> list[Handle[R]]:
        """The same from sync code."""
        instead = f"await app.enqueue_many(…), or app.enqueue_many_blocking(…), {_WAITS}"
        return self.connections.portal.run(self.enqueue_many(calls), instead)

    def enqueue_many_blocking(self, calls: Iterable[Signature[R]]) -> list[Handle[R]]:
        """The same from sync code, also where an event loop runs, which stands still meanwhile."""
        return self.connections.portal.run_blocking(self.enqueue_many(calls))

    async def send_prepared(self, messages: Sequence[Envelope]) -> None:
        """Queue calls whose messages were made before, for outboxes. What the broker knows by its id stays as it is."""
        await self.connections.client().send_prepared(messages, self.connections.now())

    async def submit_flow(self, flow: Flow[R]) -> Handle[R]:
        """Submit all calls of a flow. Returns the handle of the last one."""
        plan = Plan(flow, os.urandom(12).hex(), self.codec)
        self._check_apps(plan.made)
        await self._through(plan.calls, partial(self._send_planned, plan))
        return Handle(plan.last.id, self.connections.tasks, plan.returns)

    async def _send_planned(self, plan: Plan, calls: Sequence[Signature[Any]]) -> list[Handle[Any]]:
        plan.change(calls)
        await self.connections.client().submit_plan(plan)
        return [self.handle(step.id) for step in plan.called]

    def submit_flow_sync(self, flow: Flow[R]) -> Handle[R]:
        """The same for sync code."""
        return self.connections.portal.run(self.submit_flow(flow), "await flow.enqueue()")

    async def batch(
        self, calls: Iterable[Signature[R]] | AsyncIterable[Signature[R]], **options: Unpack[BatchFields]
    ) -> BatchHandle[R]:
        """Submit any number of calls of one task as one TaskBatch resource: `await app.batch(task.s(i) for i in …)`.

        The calls are streamed to the broker, a few hundred at a time. Returns when the broker has all of them.
        """
        checked_options(options, BatchFields, "batch")
        client = await self.connections.batches()
        through = self._through if self.extensions.middlewares else None
        return await client.submit(calls, options, self.check_own, through)

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
        """Yield each handle when its task has ended: `async for handle in app.as_completed(handles)`.

        Failed and cancelled tasks count as ended. Raises ResultTimeout after `timeout` seconds.
        """
        return as_completed(handles, timeout)

    async def gather(self, handles: Iterable[Handle[R]], timeout: float | None = None) -> list[R]:
        """The results, in the order of the handles. When all have ended, raises the error of the first failed one."""
        return await gather(handles, timeout)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Await a coroutine of this app from sync code: `app.run(app.queue().depth())`.

        Raises ConfigurationError inside a running event loop.
        """
        return self.connections.portal.run(work, "await")

    async def ping(self, timeout: Patience = 5.0) -> float:
        """Ask the broker for a sign of life: how many seconds it took. Raises NotConnected where none comes within
        `timeout` seconds."""
        seconds = checked_patience("ping", "timeout", timeout, above=True)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                await self.connections.client().broker.ping()
        except TimeoutError:
            raise NotConnected(f"the broker hasn't answered within {seconds:g} s: look at PENSTOCK_URL") from None
        return time.perf_counter() - began

    def ping_sync(self, timeout: Patience = 5.0) -> float:
        """The same from sync code."""
        return self.connections.portal.run(self.ping(timeout), "await app.ping()")

    # --- working --------------------------------------------------------------------------------------------------

    def worker(self, **said: Unpack[WorkFields]) -> AbstractAsyncContextManager[Worker]:
        """A worker inside this program, in the running event loop: `async with app.worker(concurrency=8):`. It works
        while the block lasts, and drains at its end; it takes no signals. Settings that aren't given here are the
        environment's (PENSTOCK_CONCURRENCY …), else the app's, else Penstock's."""
        from penstock.serving import engine, serving

        checked_options(said, WorkFields, "worker")
        # Nobody would replace it, so it has no limits.
        settings = replace(chosen(self.worker_settings, said), max_tasks=0, max_memory_mib=0)
        return serving(self, engine(self, settings))

    def run_worker(self, **said: Unpack[RunFields]) -> NoReturn:
        """Be a worker until SIGTERM or Ctrl-C, drain, and leave the process, as `penstock worker` does: for a command
        of your own. Takes the main thread and these signals, and never returns: what was registered with atexit still
        runs. With several processes, or such as are replaced, each runs this program's command again."""
        from penstock.running import run_worker

        checked_options(said, RunFields, "run_worker")
        run_worker(lambda: self, said)

    # --- life -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """What the lifespan yielded. None while the lifespan isn't open."""
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
        """Close the connections of this event loop."""
        await self.connections.close()

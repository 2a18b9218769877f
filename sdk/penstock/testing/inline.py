"""Tasks that run where they are enqueued: in the caller's thread, and so in its database transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from penstock.app import Penstock
from penstock.bounds import HORIZON_SECONDS
from penstock.broker import Broker
from penstock.broker.messages import Snapshot
from penstock.client import BrokerClient, Came
from penstock.connections import Connections
from penstock.context import TaskContext
from penstock.definition import Definition
from penstock.envelope import Envelope
from penstock.handle import Handle, value_of
from penstock.middleware import Execute, Middleware, Send
from penstock.status import Phase
from penstock.submission import Signature
from penstock.testing.callers import Caller, CallersThreads, InlinePortal, caller_here
from penstock.testing.clock import VirtualClock
from penstock.worker import Settings, Worker, databases

__all__ = ["inline"]

R = TypeVar("R")
NAMESPACE = "inline"
LOOK_SECONDS = 0.001
PLACES = 1000  # a task that enqueues another keeps its place meanwhile
LEASE_SECONDS = HORIZON_SECONDS  # time that passes here mustn't cost a running task its lease


@contextmanager
def inline(app: Penstock, *, raise_errors: bool = False) -> Iterator[None]:
    """Run what `app` enqueues before `enqueue_sync`, `delay` or `enqueue` return, with its retries and delays, while
    the block lasts: no Redis, no cluster, no waiting. Plain functions and their dependencies run in the caller's
    thread, also those that want a process. An exception is the task's failure, as everywhere; with `raise_errors`,
    what has made a task fail in the end is raised to who has enqueued it.

    Where Django is used, async callers and tasks share the thread of `sync_to_async` with their test.
    """
    before, extensions = app.connections, app.extensions
    inside = _Inside(app, InlinePortal(before.portal), raise_errors)
    app.connections = _Connections(inside)
    own: list[Middleware] = [inside]
    app.extensions = replace(extensions, middlewares=[*extensions.middlewares, *own], clock=inside.clock)
    try:
        yield
    finally:
        try:
            inside.portal.run_blocking(inside.close())
        finally:
            app.connections, app.extensions = before, extensions


class _Connections(Connections):
    """To a broker in memory, by clients that see everything through."""

    def __init__(self, inside: _Inside) -> None:
        super().__init__("memory://", NAMESPACE, inside.clock, inside.app.extensions.codec)
        self._inside = inside
        self._use(inside.portal)

    def _use(self, portal: InlinePortal) -> None:
        self.portal = portal
        for source in (self.tasks, self.task_resources):
            source.portal = portal  # type: ignore[misc]  # a Source of ours, whose portal is an attribute

    def broker(self, **options: Any) -> Broker:
        """See Connections. A forked process, as Django's parallel test runner makes them, has a memory of its own."""
        if self._forked:
            self.__dict__.pop("_memory", None)
        return super().broker(**options)

    def client(self) -> BrokerClient:
        """See Connections."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = _Client(self, self._inside)
        return self._clients[loop]


class _Client(BrokerClient):
    """Returns when what it has sent is over."""

    def __init__(self, connections: _Connections, inside: _Inside) -> None:
        super().__init__(connections.broker(), source=connections.tasks)
        self._inside = inside

    async def _submit(self, call: Signature[R], envelope: Envelope) -> Handle[R]:
        async with self._inside.seen_through([envelope]):
            return await super()._submit(call, envelope)

    async def _send_batch(self, calls: Sequence[Signature[R]], now: float, parent: str | None) -> list[Came[R]]:
        return [await self._submit(call, call.envelope(now, parent)) for call in calls]

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """See BrokerClient."""
        async with self._inside.seen_through(envelopes):
            await super().send(envelopes)


class _Inside(Middleware):
    """What runs while one block lasts: a worker for each queue, on the portal's loop. As a middleware, it keeps what
    tasks raise."""

    def __init__(self, app: Penstock, portal: InlinePortal, raise_errors: bool) -> None:
        self.app = app
        self.portal = portal
        self.clock = VirtualClock()
        self._raise_errors = raise_errors
        self._owners: dict[str, Caller] = {}
        self._threads = CallersThreads(self._owners)
        self._definitions = _InThreads(app.definitions)
        self._errors: dict[str, Exception] = {}
        self._workers: dict[str, asyncio.Task[Worker]] = {}
        self._open = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- sending --------------------------------------------------------------------------------------------------

    async def send(self, calls: Sequence[Signature[Any]], send: Send) -> list[Handle[Any]]:
        """Send resources to the broker, too: a test has no cluster."""
        return await send([call.with_options(replace(call.options, resource=False)) for call in calls])

    @asynccontextmanager
    async def seen_through(self, envelopes: Sequence[Envelope]) -> AsyncGenerator[None, None]:
        """Around sending them: afterwards, they are over. Raises what made one fail, where that is wanted."""
        ids = [envelope.id for envelope in envelopes]
        for queue in dict.fromkeys(envelope.queue for envelope in envelopes):
            await self._on_portal(self._serve(queue))
        if (caller := caller_here()) is not None:
            self._owners |= dict.fromkeys(ids, caller)
        try:
            yield
            ended = await self._ended(ids)
        finally:
            for id in ids:
                self._owners.pop(id, None)
        if self._raise_errors:
            self._raise(ended)

    async def _ended(self, ids: Sequence[str]) -> list[Snapshot]:
        """How they have ended; without those that were never queued, as duplicates."""
        broker = self.app.broker()
        while True:
            found = [snapshot for snapshot in await broker.snapshots(ids) if snapshot is not None]
            if all(snapshot.phase.terminal for snapshot in found):
                return found
            if not any(snapshot.phase is Phase.RUNNING for snapshot in found):
                await self._jump()
            await asyncio.sleep(LOOK_SECONDS)

    async def _jump(self) -> None:
        """To when the next is due, if nobody can start now."""
        broker, queues = self.app.broker(), list(self._workers)
        depths = await broker.depth(queues)
        waits = [wait for queue in queues if (wait := await broker.promote(queue)) is not None]
        if waits and not any(depth.ready + depth.due + depth.ended for depth in depths.values()):
            self.clock.advance(max(0.0, min(waits)))
            for queue in queues:
                await broker.promote(queue)

    def _raise(self, ended: Sequence[Snapshot]) -> None:
        failed = [one.outcome for one in ended if one.outcome is not None and one.phase is not Phase.SUCCEEDED]
        for outcome in failed:
            if (error := self._errors.pop(outcome.id, None)) is not None:
                raise error
        for outcome in failed:
            if outcome.phase is not Phase.CANCELLED:
                value_of(outcome, None, self.app.codec)

    # --- running --------------------------------------------------------------------------------------------------

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """Keep what it raises."""
        try:
            result = await (self._in_callers_thread(execute) if databases.used() else execute())
        except Exception as error:
            self._errors[context.id] = error
            raise
        self._errors.pop(context.id, None)
        return result

    async def _in_callers_thread(self, execute: Execute) -> object:
        """With `sync_to_async` in the caller's thread, where the connection is that has begun the transaction."""
        from asgiref.sync import SyncToAsync, ThreadSensitiveContext

        place = ThreadSensitiveContext()
        SyncToAsync.context_to_thread_executor[place] = self._threads
        token = SyncToAsync.thread_sensitive_context.set(place)
        try:
            return await execute()
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            del SyncToAsync.context_to_thread_executor[place]

    async def _on_portal(self, work: Coroutine[Any, Any, R]) -> R:
        if asyncio.get_running_loop() is self.portal.loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.portal.loop))

    async def _serve(self, queue: str) -> None:
        """Have a worker for it. Several callers may want the first at once."""
        if self._loop is not (loop := asyncio.get_running_loop()):  # the first call, or the first in a forked process
            self._loop, self._workers, self._open = loop, {}, AsyncExitStack()
        if queue not in self._workers:
            self._workers[queue] = asyncio.create_task(self._working(queue))
        await asyncio.shield(self._workers[queue])

    async def _working(self, queue: str) -> Worker:
        settings = Settings([queue], PLACES, LEASE_SECONDS, drain_seconds=1)
        worker = Worker(
            self._definitions, self.app.broker(), settings, extensions=self.app.extensions, threads=self._threads
        )
        await self._open.enter_async_context(self.app.lifespan)
        return await self._open.enter_async_context(worker)

    async def close(self) -> None:
        """End the workers."""
        await self._open.aclose()
        self._threads.shutdown(wait=False)


class _InThreads(Mapping[str, Definition]):
    """An app's tasks, none of them in a process of its own: that would be outside of the caller's transaction."""

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._definitions = definitions

    def __getitem__(self, name: str) -> Definition:
        found = self._definitions[name]
        return replace(found, options=replace(found.options, run_in=None)) if found.place == "process" else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

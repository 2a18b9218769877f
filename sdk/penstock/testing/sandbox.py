"""An app without Redis, cluster or waiting: what it enqueues is kept, seen and run when a test wants it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.app import Penstock
from penstock.bounds import HORIZON_SECONDS
from penstock.broker.messages import Depth
from penstock.connections import Connections
from penstock.context import TaskContext
from penstock.extensions import Extensions
from penstock.middleware import Execute, Middleware
from penstock.serving import serving
from penstock.submission import Signature
from penstock.task import Task
from penstock.testing.clock import VirtualClock
from penstock.testing.eager import Eager
from penstock.testing.recorder import Recorder
from penstock.testing.watched import Watched
from penstock.worker import Settings

__all__ = ["Sandbox", "sandbox"]

NAMESPACE = "test"
LOOK_SECONDS = 0.001
STILL_SECONDS = 0.05  # what has just ended is news to those who waited for it
LEASE_SECONDS = HORIZON_SECONDS  # time that a test lets pass mustn't cost a running task its lease


class Sandbox:
    """One app in a test. `clock` is the one that its delays, retries, deadlines and expiries go by."""

    def __init__(self, app: Penstock) -> None:
        self.app = app
        self.clock = VirtualClock()
        self._recorder = Recorder()
        self._faults = _Faults()
        self._watched: Watched | None = None
        self._drains = 0
        self._seen: list[Depth] = []  # when a drain looked last

    # --- what was enqueued ----------------------------------------------------------------------------------------

    @property
    def enqueued(self) -> list[Signature[Any]]:
        """The calls that were sent so far, in their order."""
        return self._recorder.calls

    def assert_enqueued(
        self,
        task: Task[..., Any],
        *,
        args: Sequence[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        queue: str | None = None,
        count: int | None = None,
    ) -> None:
        """That `task` was enqueued: with these arguments if they are given, however they were written; on that queue;
        so many times (default: at least once)."""
        found = len(self._recorder.of(task, args, kwargs, queue))
        if found != count if count is not None else not found:
            wanted = "at least once" if count is None else f"{count} times"
            raise AssertionError(
                f"{task.name} should have been enqueued {wanted} with args={args!r}, kwargs={kwargs!r}, "
                f"queue={queue!r}; it was {found} times. Enqueued:\n{self._recorder.told()}"
            )

    def assert_not_enqueued(self, task: Task[..., Any]) -> None:
        """That `task` wasn't enqueued at all."""
        self.assert_enqueued(task, count=0)

    # --- running it -----------------------------------------------------------------------------------------------

    async def drain(self, *, advance: bool = True, timeout: float = 10.0) -> None:
        """Run what is queued and what that enqueues, until nothing is left. Where only delays and retries are, the
        clock jumps to the next one, unless `advance` is False. Raises TimeoutError after `timeout` real seconds."""
        self._drains += 1
        try:
            async with asyncio.timeout(timeout):
                await self._drain(advance)
        except TimeoutError:
            raise TimeoutError(f"drain(timeout={timeout:g}): {self._left()}") from None
        finally:
            self._drains -= 1

    async def _drain(self, advance: bool) -> None:
        settings = Settings(self._queues(), lease_seconds=LEASE_SECONDS, drain_seconds=1)
        async with serving(self.app, settings):
            await self._next_due()
            await self._idle()
            while advance and (due := await self._next_due()) is not None:
                self.clock.advance(max(0.0, due))
                await self._next_due()
                await self._idle()

    def _left(self) -> str:
        """What was in the way of an end, for a message."""
        running, delayed = sum(depth.in_flight for depth in self._seen), sum(depth.delayed for depth in self._seen)
        return (
            f"{running} tasks still run and {delayed} are delayed; the clock jumps to those only while all that run "
            "wait for a handle. Mend what runs, or give it more time with timeout="
        )

    async def _unattended(self) -> bool:
        """Whether nothing runs, and nobody lets anything run."""
        depths = await self.app.broker().depth(self._queues())
        return not self._drains and not any(depth.in_flight for depth in depths.values())

    def drain_sync(self, *, advance: bool = True, timeout: float = 10.0) -> None:
        """The same from sync code."""
        self.app.run(self.drain(advance=advance, timeout=timeout))

    def fail(self, task: Task[..., Any], error: BaseException, *, times: int = 1) -> None:
        """Let the next so many attempts of `task` raise `error` instead of running it."""
        self._faults.add(task.name, error, times)

    def _queues(self) -> list[str]:
        return list(dict.fromkeys([*self.app.queues, *(call.queue for call in self.enqueued)]))

    async def _idle(self) -> None:
        """Return when no task is ready or runs, or when all that run wait for others, and some are delayed."""
        broker, clock = self.app.broker(), asyncio.get_running_loop().time
        before, since = dict[str, Depth](), clock()
        while True:
            depths = await broker.depth(self._queues())
            self._seen = list(depths.values())
            if depths != before:
                before, since = depths, clock()
            if not any(depth.ready + depth.ended for depth in depths.values()):
                running = sum(depth.in_flight for depth in depths.values())
                delayed = any(depth.delayed + depth.due for depth in depths.values())
                still = clock() - since > STILL_SECONDS
                if not running or (delayed and still and running <= self._waiting):
                    return
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def _waiting(self) -> int:
        return self._watched.waiting if self._watched else 0

    async def _next_due(self) -> float | None:
        """Make ready what is due; seconds until the next is."""
        broker = self.app.broker()
        waits = [await broker.promote(queue) for queue in self._queues()]
        return min((wait for wait in waits if wait is not None), default=None)


class _Faults(Middleware):
    """Raises instead of running, where it was told to."""

    def __init__(self) -> None:
        self._errors: dict[str, deque[BaseException]] = {}

    def add(self, task: str, error: BaseException, times: int) -> None:
        self._errors.setdefault(task, deque()).extend([error] * times)

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        errors = self._errors.get(context.task)
        if errors:
            raise errors.popleft()
        return await execute()


@contextmanager
def sandbox(app: Penstock, *, eager: bool = False) -> Iterator[Sandbox]:
    """Put `app` into memory while the block lasts: no Redis, no cluster. `eager`: whatever is enqueued is run before
    `enqueue` returns, with its delays and retries, through serialisation as everywhere."""
    box = Sandbox(app)
    before, extensions = app.connections, app.extensions
    app.connections = Connections("memory://", NAMESPACE, box.clock, extensions.codec)
    app.connections.tasks = box._watched = Watched(app.connections.tasks, box._unattended)
    own: list[Middleware] = [box._recorder, box._faults]
    if eager:
        own.insert(0, Eager(box.drain))
    app.extensions = Extensions(
        [*extensions.middlewares, *own], extensions.hooks, dict(extensions.overrides), box.clock, extensions.codec
    )
    try:
        yield box
    finally:
        app.connections, app.extensions = before, extensions

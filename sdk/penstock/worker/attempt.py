"""One attempt: call the function, give it its context, and say how it ended."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from penstock import codec
from penstock.broker.protocol import Begun
from penstock.context import TaskContext
from penstock.definition import Definition
from penstock.envelope import Envelope
from penstock.status import Phase
from penstock.worker.policy import Policy
from penstock.worker.verdict import Ending, Raised, Returned, Stopped, TimedOut

__all__ = ["Attempt", "Limit"]

Tell = Callable[[float | None, str], None]


@dataclass(frozen=True, slots=True)
class Limit:
    """How long an attempt may take; `deadline` if it is the whole task's time that runs out first."""

    seconds: float | None
    deadline: bool = False

    @classmethod
    def of(cls, timeout: float | None, deadline: float | None, now: float) -> Limit:
        """The tighter of an attempt's timeout and the time left until the deadline."""
        left = None if deadline is None else max(0.0, deadline - now)
        if left is not None and (timeout is None or left <= timeout):
            return cls(left, deadline=True)
        return cls(timeout)


@dataclass(eq=False)
class Attempt:
    """A begun task and what may still happen to it. `stop` may be called at any time, from the loop."""

    envelope: Envelope
    message: bytes
    begun: Begun
    definition: Definition | None
    limit: Limit
    policy: Policy
    _flag: Event = field(default_factory=Event)
    _stopped: Stopped | None = None
    _lost: bool = False
    _running: asyncio.Task[Any] | None = None
    _thread: concurrent.futures.Future[Any] | None = None

    @property
    def lost(self) -> bool:
        """Whether the lease went to somebody else: then nothing of this attempt may be settled."""
        return self._lost

    def stop(self, why: Phase | None, reason: str) -> None:
        """Cancel it (Phase.CANCELLED) or prepare to hand it back (None)."""
        self._stopped = self._stopped or Stopped(why, reason)
        self._flag.set()
        if self._running is not None:
            self._running.cancel()

    def lose(self) -> None:
        """Its lease is gone: stop it, and settle nothing."""
        self._lost = True
        self.stop(None, "its lease was lost")

    async def run(self, threads: ThreadPoolExecutor, tell: Tell) -> Ending:
        """Run it to its end; `tell` takes its progress."""
        if (stopped := self._stop_asked()) is not None:
            return stopped
        self._running = asyncio.create_task(self._bounded(threads, tell))
        try:
            value = await self._running
            return Returned(codec.encode_value(value))
        except asyncio.CancelledError as error:
            current = asyncio.current_task()
            if current is not None and current.cancelling():  # the worker itself is being torn down
                self._running.cancel()
                raise
            return self._stop_asked() or Raised(error)  # or the function raised it of its own accord
        except TimeoutError as error:
            return self._timed_out(error)
        except Exception as error:
            return Raised(error)

    def _stop_asked(self) -> Stopped | None:
        return self._stopped

    def _timed_out(self, error: TimeoutError) -> Ending:
        """Our limit, or a TimeoutError that the function raised itself (then the flag isn't set)."""
        if not self._flag.is_set() or self.limit.seconds is None:
            return Raised(error)
        return TimedOut(0.0 if self.limit.deadline else self.limit.seconds, self.limit.deadline)

    async def vacated(self) -> None:
        """Return when nothing of it runs any more. A thread can't be stopped: it keeps its place until it ends."""
        if self._thread is not None and not self._thread.done():
            await asyncio.wait([asyncio.wrap_future(self._thread)])

    async def _bounded(self, threads: ThreadPoolExecutor, tell: Tell) -> object:
        limit = asyncio.timeout(self.limit.seconds)
        try:
            async with limit:
                return await self._call(threads, tell)
        except SystemExit as error:  # it would end the whole worker
            raise RuntimeError(f"the task called sys.exit({error.code!r})") from error
        finally:
            if limit.expired():
                self._flag.set()

    async def _call(self, threads: ThreadPoolExecutor, tell: Tell) -> object:
        definition = self.definition
        if definition is None:  # ruled out before it runs
            raise LookupError(f"no task {self.envelope.task!r} here")
        context = TaskContext(self.envelope.id, self.envelope.task, self.begun.attempts, _stop=self._flag, _tell=tell)
        args, kwargs = definition.arguments(*codec.decode_call(self.envelope.payload), context)
        if definition.is_async:
            return await definition.function(*args, **kwargs)
        variables = contextvars.copy_context()
        self._thread = threads.submit(variables.run, definition.function, *args, **kwargs)
        return await asyncio.wrap_future(self._thread)

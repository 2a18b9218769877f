"""What submitting a task returns: its id, and ways to follow, await and cancel it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar, cast

from penstock import codec
from penstock.envelope import Envelope
from penstock.errors import (
    ConfigurationError,
    ResultExpired,
    ResultTimeout,
    ResultUnreadable,
    TaskCancelled,
    TaskFailed,
    TaskTimedOut,
    UnknownTask,
)
from penstock.limits import DELAY
from penstock.options import checked_moment, moment
from penstock.outcome import Failure, Outcome
from penstock.patience import Patience, checked_patience
from penstock.portal import Portal
from penstock.sealing import PayloadCodec, opened
from penstock.shown import message_of
from penstock.status import Phase
from penstock.stopping import stopped

__all__ = ["Change", "Handle", "Source", "TaskStatus", "value_of"]

R = TypeVar("R")
STREAM_SECONDS = 0.25
LOOK_SECONDS = 1.0  # for one more look when a caller's time is up
_TIMEOUTS = {"TimedOut", "DeadlineExceeded", "HeartbeatMissed"}


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task at one moment. `percent`, `message` and `data` are its last progress; `data` is what it added,
    JSON."""

    phase: Phase
    attempts: int = 0
    worker: str = ""
    percent: float | None = None
    message: str = ""
    failure: Failure | None = None
    data: Mapping[str, Any] | None = None


class Revised(Protocol):
    """A call that takes the place of another: a Signature."""

    @property
    def queue(self) -> str:
        """Where it would wait."""

    def envelope(self, now: float, traceparent: str | None, *, id: str | None = None) -> Envelope:
        """The message for the broker."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise about a task that waits: when it is due, or the call."""

    delay: float | None = None
    at: datetime | None = None
    call: Revised | None = None

    def due(self, now: float) -> float | None:
        """Seconds since the epoch; None: as it was. Raises ConfigurationError for what is beyond the horizon."""
        if self.at is not None:
            return moment("reschedule", self.at, now)
        return None if self.delay is None else now + self.delay


class Source(Protocol):
    """Where a task's record is kept: the broker, or a Task resource. `portal` is for sync callers."""

    @property
    def portal(self) -> Portal:
        """The loop in which sync callers use it."""

    @property
    def codec(self) -> PayloadCodec | None:
        """What opens sealed results."""

    async def status(self, id: str) -> TaskStatus:
        """How it stands. Raises UnknownTask."""

    async def wait(self, id: str) -> Outcome | None:
        """Its outcome, once there is one; None if nothing is known of it any more."""

    async def cancel(self, id: str) -> bool:
        """Record a cancellation. False if the task had ended."""

    async def revise(self, id: str, change: Change) -> bool:
        """Change a task that waits. False if it has started."""


class Handle(Generic[R]):
    """One submitted task. `id` may be stored: `app.handle(id)` gives the same handle back in another process."""

    def __init__(self, id: str, source: Source, returns: object = None) -> None:
        self.id = id
        self._source = source
        self._returns = returns

    def __repr__(self) -> str:
        return f"Handle({self.id!r})"

    async def status(self) -> TaskStatus:
        """Phase, attempts, worker, progress and failure as of now. Raises UnknownTask."""
        return await self._source.status(self.id)

    async def cancel(self) -> bool:
        """Cancel it, queued or running. Returns when that is recorded; False if it had ended already."""
        return await self._source.cancel(self.id)

    async def reschedule(self, *, delay: float | timedelta | None = None, at: datetime | None = None) -> bool:
        """Let it start in `delay` seconds or at a moment instead. False if it has started, which changes nothing.
        Raises ConfigurationError for what is no time to come."""
        if (delay is None) == (at is None):
            raise ConfigurationError("reschedule(): say either delay= or at=")
        if at is not None:
            checked_moment("reschedule", at)
        seconds = None if delay is None else DELAY.checked("reschedule", "delay", delay)
        return await self._source.revise(self.id, Change(seconds, at))

    async def replace(self, call: Revised) -> bool:
        """Run this call in its place, as it was due: `await handle.replace(task.s(…))`. False if it has started, which
        changes nothing."""
        return await self._source.revise(self.id, Change(call=call))

    async def wait(self, timeout: Patience = None) -> Phase:
        """The phase that it ends in, however it ends. Raises ResultTimeout if it hasn't within `timeout` seconds,
        ResultExpired if its record is gone. `timeout=0` tells at once."""
        return (await self._outcome("wait", timeout)).phase

    async def result(self, timeout: Patience = None) -> R:
        """What the function returned, awaited for up to `timeout` seconds. `timeout=0` gives it at once if it is
        there.

        Raises TaskFailed, TaskTimedOut or TaskCancelled as it ended, ResultTimeout if it hasn't, ResultExpired if
        its record is gone, ResultUnreadable if the result isn't what the function is annotated to return.
        """
        return cast("R", value_of(await self._outcome("result", timeout), self._returns, self._source.codec))

    def stream(self, interval: float = STREAM_SECONDS) -> AsyncGenerator[TaskStatus, None]:
        """How it stands, now and whenever that has changed, until it has ended; looks every `interval` seconds. Raises
        SubmissionError when the broker can't be reached."""
        return self._stream(checked_patience("stream", "interval", interval, above=True))

    async def _stream(self, interval: float | None) -> AsyncGenerator[TaskStatus, None]:
        told: TaskStatus | None = None
        ending = asyncio.create_task(self._source.wait(self.id))
        try:
            while True:
                ended = ending.done()
                if (status := await self.status()) != told:
                    yield (told := status)
                if status.phase.terminal:
                    return
                if ended:
                    ending.result()  # raises what keeps it from being followed; else it was run again meanwhile
                    ending = asyncio.create_task(self._source.wait(self.id))
                    await asyncio.sleep(interval or STREAM_SECONDS)
                await asyncio.wait([ending], timeout=interval)
        finally:
            if not ending.done():
                await stopped(ending)

    async def _outcome(self, where: str, timeout: Patience) -> Outcome:
        seconds = checked_patience(where, "timeout", timeout)
        try:
            async with asyncio.timeout(seconds):
                outcome = await self._source.wait(self.id)
        except TimeoutError:
            outcome = await self._last_look(seconds or 0.0)
        if outcome is None:
            raise ResultExpired(f"{self.id}: no record of it: not queued yet, or kept no longer (see result_ttl=)")
        return outcome

    async def _last_look(self, seconds: float) -> Outcome | None:
        """Its outcome, where it is there by now: a wait may be too short for the way to the broker. Raises
        ResultTimeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                try:
                    ended = (await self.status()).phase.terminal
                except UnknownTask:
                    return None
                if ended:
                    return await self._source.wait(self.id)
        raise ResultTimeout(f"{self.id} has no result after {seconds:g} s; it goes on")

    # --- for sync code: the same, and a clear error where an event loop would be blocked --------------------------

    def status_sync(self) -> TaskStatus:
        """See `status`."""
        return self._source.portal.run(self.status(), "await handle.status()")

    def cancel_sync(self) -> bool:
        """See `cancel`."""
        return self._source.portal.run(self.cancel(), "await handle.cancel()")

    def reschedule_sync(self, *, delay: float | timedelta | None = None, at: datetime | None = None) -> bool:
        """See `reschedule`."""
        return self._source.portal.run(self.reschedule(delay=delay, at=at), "await handle.reschedule()")

    def replace_sync(self, call: Revised) -> bool:
        """See `replace`."""
        return self._source.portal.run(self.replace(call), "await handle.replace()")

    def wait_sync(self, timeout: Patience = None) -> Phase:
        """See `wait`."""
        return self._source.portal.run(self.wait(timeout), "await handle.wait()")

    def result_sync(self, timeout: Patience = None) -> R:
        """See `result`."""
        return self._source.portal.run(self.result(timeout), "await handle.result()")


def value_of(outcome: Outcome, returns: object, seal: PayloadCodec | None) -> Any:
    """What the function returned. Raises what the outcome says instead."""
    if outcome.phase is Phase.SUCCEEDED:
        return _read(outcome, returns, seal)
    failure = outcome.failure or Failure(str(outcome.phase))
    if outcome.phase is Phase.CANCELLED:
        kind: type[TaskFailed | TaskCancelled | TaskTimedOut] = TaskCancelled
    else:
        kind = TaskTimedOut if failure.type in _TIMEOUTS else TaskFailed
    raise kind(outcome.id, failure.type, failure.message, failure.traceback, failure.upstream)


def _read(outcome: Outcome, returns: object, seal: PayloadCodec | None) -> Any:
    """Its result. Raises ResultUnreadable, or ConfigurationError where another codec is needed."""
    try:
        result = opened(outcome.result or b"null", outcome.codec, seal)
    except ConfigurationError:
        raise
    except Exception as error:  # whatever an app's codec may raise
        raise ResultUnreadable(
            f"{outcome.id} succeeded, but its result can't be opened by the codec {outcome.codec!r} here: "
            f"{message_of(error)}; give submitters and workers the same codec and key"
        ) from error
    try:
        return codec.decode_value(result, returns)
    except Exception as error:
        raise ResultUnreadable(
            f"{outcome.id} succeeded, but its result isn't what the function is annotated to return here: "
            f"{codec.complaint(error)}; deploy submitters and workers with the same annotation, or read it as it is: "
            "app.handle(ID).result()"
        ) from error

"""One attempt: call the function, give it its context, and say how it ended."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import MsgspecError, Raw, Struct

from penstock.broker import Broker
from penstock.broker.messages import Begun, Lease
from penstock.context import StopFlag, TaskContext
from penstock.definition import Definition
from penstock.envelope import Envelope
from penstock.errors import BadArgument
from penstock.family import Parent, running
from penstock.progress import NOTHING_SAID, Progress
from penstock.sealing import PayloadCodec
from penstock.status import Phase
from penstock.worker.checkpoint import Checkpoints
from penstock.worker.ending import (
    EndedApart,
    Ending,
    Raised,
    Returned,
    Silent,
    Stopped,
    TimedOut,
    Unfit,
    closed,
    meant,
)
from penstock.worker.execution import Execution
from penstock.worker.forks import leave_child
from penstock.worker.policy import Policy
from penstock.worker.result import encoded
from penstock.worker.room import Room

__all__ = ["GRACE_SECONDS", "HAND_BACK_GRACE_SECONDS", "Attempt", "Limit", "Run"]

GRACE_SECONDS = 5.0  # for the end of a function that was stopped: it may have something to clean up
HAND_BACK_GRACE_SECONDS = 2.5  # the same where its worker shuts down; longer than a child process has to end


class Limit(Struct, frozen=True):
    """How long an attempt may take; `deadline` if it is the whole task's time that runs out first."""

    seconds: float | None
    deadline: bool = False

    @classmethod
    def of(cls, timeout: float | None, deadline: float | None, now: float) -> Limit:
        """The tighter of an attempt's timeout and the time left until the deadline."""
        timeout = timeout if timeout is not None and math.isfinite(timeout) else None
        if deadline is None:
            return cls(timeout)
        left = max(0.0, deadline - now)
        return cls(left, deadline=True) if timeout is None or left <= timeout else cls(timeout)


@dataclass(eq=False, slots=True)
class Attempt:
    """A begun task and what may still happen to it. `stop` may be called at any time, from the loop."""

    envelope: Envelope
    begun: Begun
    definition: Definition | None
    limit: Limit
    policy: Policy
    broker: Broker | None = None  # for checkpoints, and what seals them
    codec: PayloadCodec | None = None
    claim: asyncio.Future[None] | None = None  # of one that was started early: done once it was answered
    started: bool = False  # the function was called
    over: bool = False  # its end was decided on; what a thread still says doesn't count
    given_up: bool = False  # that was without its function, which goes on
    lost: bool = False  # the lease went to somebody else: nothing of this attempt may be settled
    news: bool = True  # that it runs at all is news
    told_at: float = 0.0  # when its progress was last reported, by the loop's clock
    said: Progress = NOTHING_SAID
    told: bool = False  # something of it was reported
    deaf: Callable[[Attempt, Ending], None] | None = None  # hears of one that goes on though it was stopped
    _flag: StopFlag = field(default_factory=StopFlag)
    _stopped: Stopped | None = None
    _expired: bool = False
    _silent: Silent | None = None
    _heard: float = 0.0
    _listening: asyncio.TimerHandle | None = None
    _timer: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None
    _cancels: int = 0
    _running: asyncio.Task[Any] | None = None
    _execution: Execution | None = None

    def stop(self, why: Phase | None, reason: str) -> None:
        """Cancel it (Phase.CANCELLED) or prepare to hand it back (None)."""
        self._stopped = self._stopped or Stopped(why, reason)
        self._interrupt()

    def lose(self) -> None:
        """Its lease is gone: stop it, and settle nothing."""
        self.lost = True
        self.stop(None, "its lease was lost")

    def tell(self, said: Progress) -> None:
        """Take the latest word on its progress. From any thread."""
        self.said, self.news = said, True
        self.beat()

    def beat(self) -> None:
        """Take it that it is well. From any thread."""
        self._heard = time.monotonic()

    async def run(self, room: Room) -> Ending:
        """Run it to its end, in the caller's task: an attempt costs one. Whatever its code raises is an ending, for an
        attempt that nobody settles keeps its lease for ever."""
        if (stopped := self._asked()) is not None:
            return stopped
        self._running = asyncio.current_task()
        running.set(Parent(self.begun.lease, self.claimed))
        if isinstance(self._running, Run):
            self._running.lease = self.begun.lease
        try:
            self._watch()
            ending = await self._call(room)
            if isinstance(self._running, Run) and self._running.own:  # a cancellation by itself that it didn't await
                await asyncio.sleep(0)
            return ending
        except asyncio.CancelledError as error:
            if self._from_outside():  # the worker itself is being torn down
                raise
            return self._asked() or self._over() or Raised(error)  # or the function raised it of its own accord
        except GeneratorExit as error:
            if closed(self._running):
                raise
            return Raised(error)
        except BaseException as error:
            return Raised(meant(error))
        finally:
            leave_child()
            self._running = None
            self._unwatch()

    def _watch(self) -> None:
        """Stop it when its time is up, or when it says nothing any more."""
        if self.limit.seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(self.limit.seconds, self._expire)
        if self.definition is not None and (most := self.definition.options.heartbeat) is not None:
            self.beat()
            self._listen(most)

    def _unwatch(self) -> None:
        for timer in (self._timer, self._listening, self._patience):
            if timer is not None:
                timer.cancel()

    def _asked(self) -> Stopped | None:
        return self._stopped

    def _listen(self, most: float) -> None:
        """Stop it once it has said nothing for so many seconds."""
        left = self._heard + most - time.monotonic()
        if left > 0:
            self._listening = asyncio.get_running_loop().call_later(left, self._listen, most)
        else:
            self._silent = Silent(most)
            self._interrupt()

    def _over(self) -> TimedOut | Silent | None:
        if self._silent is not None:
            return self._silent
        if not self._expired or self.limit.seconds is None:
            return None
        return TimedOut(0.0 if self.limit.deadline else self.limit.seconds, self.limit.deadline)

    def _expire(self) -> None:
        self._expired = True
        self._interrupt()

    def _interrupt(self) -> None:
        self._flag.set()
        if self._running is None or self._patience is not None:
            return  # told once, it may clean up: each renewal of its lease tells of a cancellation anew
        self._cancel(self._running)
        hand_back = self._stopped is not None and self._stopped.why is None
        grace = HAND_BACK_GRACE_SECONDS if hand_back else GRACE_SECONDS
        self._patience = asyncio.get_running_loop().call_later(grace, self._ignored)

    def _ignored(self) -> None:
        """It was stopped, and goes on: end it without its function, and ask that once more to end."""
        ending = self._asked() or self._over()
        if self._running is not None and self.deaf is not None and ending is not None and not self.over:
            self.deaf(self, ending)
            self._cancel(self._running)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._cancels += 1
        asyncio.Task.cancel(task)  # not Run's: timers are set from inside, and this is none of the function's

    def _from_outside(self) -> bool:
        """Take our own cancellations back, and those by the function itself; whether there is another."""
        task = self._running
        if task is None:
            return False
        cancels, self._cancels = self._cancels, 0
        return _cancelled_by_others(task, cancels)

    def answered(self, begun: Begun | None) -> None:
        """Its claim was: as `begun` if that is known."""
        self.begun = begun or self.begun
        if self.claim is not None:
            self.claim.set_result(None)

    async def claimed(self) -> None:
        """Return when its claim was answered: what has no lease yet can be neither settled nor a parent. From any
        event loop."""
        if self.claim is None or self.claim.done():
            return
        home = self.claim.get_loop()
        if home is not asyncio.get_running_loop():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.claimed(), home))
            return
        await asyncio.wait([self.claim])

    async def conclude(self) -> None:
        """The same after its end. What its function has left behind, such as `call_soon(task.cancel)`, mustn't keep it
        from being settled."""
        while self.claim is not None and not self.claim.done():
            try:
                await asyncio.wait([self.claim])
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is None or _cancelled_by_others(task):
                    raise

    @property
    def vacant(self) -> bool:
        """Whether nothing of it can run any more."""
        return self._execution is None or self._execution.vacant

    async def vacated(self) -> None:
        """Return when nothing of it runs any more."""
        if self._execution is not None:
            await self._execution.vacated()

    async def _call(self, room: Room) -> Ending:
        definition, envelope = self.definition, self.envelope
        if definition is None:  # ruled out before it runs
            raise LookupError(f"no task {envelope.task!r} here")
        try:
            values = definition.arguments.converted(envelope.payload)
        except (BadArgument, MsgspecError) as error:
            return Unfit(str(error), foreign=envelope.shape not in ("", definition.arguments.shape))
        self.started = True
        if definition.is_bare and not room.extensions.middlewares:  # most are; the rest of the way would cost as much
            args, kwargs = values
            return Returned(encoded(definition, await definition.function(*args, **kwargs)))
        self._execution = Execution(definition, self.context, envelope.payload, values, room, self.tell)
        try:
            result = await self._execution.result()
        except EndedApart as apart:
            return apart.ending
        return Returned(bytes(result) if isinstance(result, Raw) else encoded(definition, result))

    def context(self) -> TaskContext:
        """What the function is told of itself."""
        envelope = self.envelope
        context = TaskContext(envelope.id, envelope.task, self.begun.attempts, _stop=self._flag, _tell=self.tell)
        if self.broker is None:
            return context
        kept = Checkpoints(self.broker, self.begun, asyncio.get_running_loop(), self.beat, envelope.codec, self.codec)
        return replace(context, saved=kept.saved, _keep=kept.keep, _keep_sync=kept.keep_sync, _beat=self.beat)


def _cancelled_by_others(task: asyncio.Task[Any], cancels: int = 0) -> bool:
    """Take back those of an attempt's task by its function, and so many of our own; whether there is another."""
    own = task.own if isinstance(task, Run) else 0
    for _ in range(cancels + own):
        task.uncancel()
    return task.cancelling() > 0


class Run(asyncio.Task[None]):
    """The task in which an attempt runs. Its function runs in it, too, and may cancel it: by `current_task().cancel()`,
    or as asyncio's own timeouts do, which take it back. Such a cancellation is the function's affair, unlike one by
    whoever tears the worker down."""

    lease: Lease | None = None  # of the attempt, once its function may run
    own = 0

    def cancel(self, msg: object = None) -> bool:
        """See asyncio.Task."""
        if self._from_inside():
            self.own += 1
        return super().cancel(msg)

    def uncancel(self) -> int:
        """See asyncio.Task."""
        if self.own and self._from_inside():
            self.own -= 1
        return super().uncancel()

    def _from_inside(self) -> bool:
        """Whether it is asked for by what the attempt's function has begun, wherever that runs: it inherits this."""
        inside = running.get()
        return inside is not None and inside.lease is self.lease

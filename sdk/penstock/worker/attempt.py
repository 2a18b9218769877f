"""One attempt: call the function, give it its context, and say how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import MsgspecError, Raw

from penstock import codec
from penstock.broker import Broker
from penstock.broker.messages import Begun
from penstock.context import StopFlag, TaskContext
from penstock.definition import Definition
from penstock.envelope import Envelope
from penstock.errors import BadArgument
from penstock.family import Parent, running
from penstock.sealing import PayloadCodec
from penstock.status import Phase
from penstock.worker.checkpoint import Checkpoints
from penstock.worker.execution import Execution, Places
from penstock.worker.policy import Policy
from penstock.worker.verdict import EndedApart, Ending, Raised, Returned, Silent, Stopped, TimedOut, Unfit

__all__ = ["Attempt", "Limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """How long an attempt may take; `deadline` if it is the whole task's time that runs out first."""

    seconds: float | None
    deadline: bool = False

    @classmethod
    def of(cls, timeout: float | None, deadline: float | None, now: float) -> Limit:
        """The tighter of an attempt's timeout and the time left until the deadline."""
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
    lost: bool = False  # the lease went to somebody else: nothing of this attempt may be settled
    news: bool = True  # that it runs at all is news
    told_at: float = 0.0  # when its progress was last reported, by the loop's clock
    said: tuple[float | None, str] = (None, "")
    _flag: StopFlag = field(default_factory=StopFlag)
    _stopped: Stopped | None = None
    _expired: bool = False
    _silent: Silent | None = None
    _heard: float = 0.0
    _listening: asyncio.TimerHandle | None = None
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

    def tell(self, percent: float | None, message: str) -> None:
        """Take the latest word on its progress. From any thread."""
        self.said, self.news = (percent, message), True
        self.beat()

    def beat(self) -> None:
        """Take it that it is well. From any thread."""
        self._heard = time.monotonic()

    async def run(self, places: Places) -> Ending:
        """Run it to its end, in the caller's task: an attempt costs one."""
        if (stopped := self._asked()) is not None:
            return stopped
        self._running = asyncio.current_task()
        running.set(Parent(self.begun.lease))
        timer = self._timer()
        if self.definition is not None and (most := self.definition.options.heartbeat) is not None:
            self.beat()
            self._listen(most)
        try:
            return await self._call(places)
        except asyncio.CancelledError as error:
            if self._from_outside():  # the worker itself is being torn down
                raise
            return self._asked() or self._over() or Raised(error)  # or the function raised it of its own accord
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever it is: an attempt that nobody settles keeps its lease for ever
            return Raised(error)
        finally:
            self._running = None
            if timer is not None:
                timer.cancel()
            if self._listening is not None:
                self._listening.cancel()

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

    def _timer(self) -> asyncio.TimerHandle | None:
        if self.limit.seconds is None:
            return None
        return asyncio.get_running_loop().call_later(self.limit.seconds, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._interrupt()

    def _interrupt(self) -> None:
        self._flag.set()
        if self._running is not None:
            self._cancels += 1
            self._running.cancel()

    def _from_outside(self) -> bool:
        """Take our own cancellations back; whether there is another."""
        running = self._running
        if running is None:
            return False
        for _ in range(self._cancels):
            running.uncancel()
        self._cancels = 0
        return running.cancelling() > 0

    def answered(self, begun: Begun | None) -> None:
        """Its claim was: as `begun` if that is known."""
        self.begun = begun or self.begun
        if self.claim is not None:
            self.claim.set_result(None)

    async def claimed(self) -> None:
        """Return when its claim was answered: what has no lease yet can't be settled."""
        if self.claim is not None and not self.claim.done():
            await asyncio.wait([self.claim])

    async def vacated(self) -> None:
        """Return when nothing of it runs any more."""
        if self._execution is not None:
            await self._execution.vacated()

    async def _call(self, places: Places) -> Ending:
        definition, envelope = self.definition, self.envelope
        if definition is None:  # ruled out before it runs
            raise LookupError(f"no task {envelope.task!r} here")
        try:
            values = definition.arguments.converted(envelope.payload)
        except (BadArgument, MsgspecError) as error:
            return Unfit(str(error), foreign=envelope.shape not in ("", definition.arguments.shape))
        self.started = True
        if definition.is_bare and not places.extensions.middlewares:  # most are; the rest of the way would cost as much
            args, kwargs = values
            return Returned(codec.encode_value(await _called(definition, args, kwargs)))
        self._execution = Execution(definition, self.context, envelope.payload, values, places)
        try:
            result = await self._execution.result()
        except EndedApart as apart:
            return apart.ending
        return Returned(bytes(result) if isinstance(result, Raw) else codec.encode_value(result))

    @property
    def context(self) -> TaskContext:
        """What the function is told of itself."""
        envelope = self.envelope
        context = TaskContext(envelope.id, envelope.task, self.begun.attempts, _stop=self._flag, _tell=self.tell)
        if self.broker is None:
            return context
        kept = Checkpoints(self.broker, self.begun, asyncio.get_running_loop(), self.beat, envelope.codec, self.codec)
        saving = replace(context, saved=kept.saved, _keep=kept.keep, _keep_sync=kept.keep_sync)
        return replace(saving, _beat=self.beat)


async def _called(definition: Definition, args: Sequence[Any], kwargs: dict[str, Any]) -> object:
    try:
        return await definition.function(*args, **kwargs)
    except SystemExit as error:  # it would end the whole worker
        raise RuntimeError(f"the task called sys.exit({error.code!r})") from error

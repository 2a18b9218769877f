"""From begun tasks to settled ones: run → rule → settle → report."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from penstock import family, telemetry
from penstock.broker import Broker
from penstock.broker.messages import Begun, Claimer, Delivery, Lease, Renewal, Verdict
from penstock.clock import ServerClock
from penstock.definition import Definition
from penstock.envelope import Envelope, Undecodable, decode, decode_of
from penstock.progress import NOTHING_SAID
from penstock.status import Phase
from penstock.telemetry import Tracing
from penstock.worker.attempt import Attempt, Limit, Run
from penstock.worker.builtin import builtins
from penstock.worker.conclusion import Conclusions
from penstock.worker.ending import Ending, Raised, closed
from penstock.worker.foregone import foregone, supplied
from penstock.worker.late import name_deaf, vacated
from penstock.worker.leases import Leases
from penstock.worker.outage import Outage
from penstock.worker.parking import wanted
from penstock.worker.policy import Policies
from penstock.worker.recall import Recalls
from penstock.worker.reporter import Reporter, running
from penstock.worker.room import Room
from penstock.worker.slots import Slots
from penstock.worker.spans import attempt_span
from penstock.worker.telling import tell_hooks
from penstock.worker.verdict import Ruling

__all__ = ["Runner"]

log = logging.getLogger("penstock.worker")
# For what is handed back to end; longer than a child process has to end. What a thread still runs is fenced.
HAND_BACK_SECONDS = 3.0
LEFT_SECONDS = 0.5


@dataclass(eq=False)
class Runner:
    """What one worker process is running now."""

    tasks: Mapping[str, Definition]
    broker: Broker
    claimer: Claimer
    lease_seconds: float
    slots: Slots
    room: Room
    reporter: Reporter
    policies: Policies
    outage: Outage = field(default_factory=Outage)
    clock: ServerClock = field(default_factory=ServerClock)
    random: Callable[[], float] = random.random
    beside: Room | None = None  # where broadcasts run; None: where the tasks do
    attempts: dict[str, Attempt] = field(default_factory=dict)
    last: Attempt | None = None  # that was started
    done: int = 0

    def __post_init__(self) -> None:
        self.extensions = self.room.extensions
        self.leases = Leases(self.broker, self.claimer, self.lease_seconds, self._lease_changed, self.outage)
        self.conclusions = Conclusions(
            broker=self.broker,
            worker=self.claimer.worker,
            leases=self.leases,
            reporter=self.reporter,
            policies=self.policies,
            codec=self.extensions.codec,
            outage=self.outage,
            clock=self.clock,
            random=self.random,
        )
        self._builtins = builtins(self.broker, self.extensions.codec, self.clock)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._left: set[asyncio.Task[None]] = set()  # what goes on beside them
        self._tracing = Tracing.OFF
        self._recalls = Recalls(self.broker, self.claimer, self._lease_changed)

    # --- 1. start ---------------------------------------------------------------------------------------------

    def start_early(self, read: Sequence[Delivery]) -> list[Attempt]:
        """Run what was read and may start before its claim is answered; each has its place already."""
        self._tracing = telemetry.tracing()
        early = []
        for delivery in read:
            with suppress(Undecodable):  # it is claimed like others, and buried
                if delivery.nonce:
                    envelope = decode_of(delivery.id, delivery.message)
                    early.append(self._attempt(envelope, delivery.presumed, early=True))
        for attempt in early:
            self._spawn(attempt)
        return early

    def confirm(self, early: Sequence[Attempt], begun: Sequence[Begun] | None) -> list[Begun]:
        """Hear what became of the claim that these were started with (None: nobody knows, and renewing will tell).
        Returns what is still to be started."""
        granted = {one.lease: one for one in begun or ()}
        for attempt in early:
            one = granted.pop(attempt.begun.lease, None)
            attempt.answered(one)
            if one is None and begun is not None:
                attempt.lose()
            elif self.attempts.get(attempt.begun.lease.id) is attempt:  # else nobody would ever let it go
                self.leases.hold(attempt.begun.lease)
        return list(granted.values())

    def start(self, begun: Sequence[Begun]) -> None:
        """Run tasks, each of which has its place already and gives it back at its end."""
        self._tracing = telemetry.tracing()
        for one in begun:
            self.leases.hold(one.lease)
            try:
                self._spawn(self._attempt(decode_of(one.lease.id, one.message), one))
            except Undecodable as error:
                self.conclusions.bury(one, error)
                self.slots.give_back()

    def _attempt(self, envelope: Envelope, begun: Begun, *, early: bool = False) -> Attempt:
        definition = self.tasks.get(envelope.task) or self._builtins.get(envelope.task)
        policy = self.policies.of(envelope, definition)
        limit = Limit.of(policy.timeout, envelope.deadline, begun.started_at)
        loop = asyncio.get_running_loop()
        claim, now = loop.create_future() if early else None, loop.time()
        means = (self.broker, self.extensions.codec)
        return Attempt(envelope, begun, definition, limit, policy, *means, claim, told_at=now, deaf=self._give_up)

    def _spawn(self, attempt: Attempt) -> None:
        id = attempt.begun.lease.id
        if (before := self.attempts.get(id)) is not None:  # Redis had lost the one that runs: it counts no more
            before.lose()
            self._keep(self._tasks[id])
        self.attempts[id] = self.last = attempt
        self._tasks[id] = Run(self._see_through(attempt), loop=asyncio.get_running_loop())
        self._recalls.check(attempt.begun.lease)

    def announce(self, messages: Sequence[bytes]) -> None:
        """Run broadcasts, beside the places and without a lease: nobody else could take one over."""
        for message in messages:
            try:
                envelope = decode(message)
            except Undecodable as error:
                log.error("a broadcast can't be read: %s", error)
                continue
            now = self.clock()
            lease = Lease(envelope.queue, f"{envelope.id}@{self.claimer.consumer}", "")
            self._spawn(self._attempt(envelope, Begun(lease, Verdict.RUN, message, 1, 0, envelope.created_at, now)))

    # --- 2. run -----------------------------------------------------------------------------------------------

    async def _see_through(self, attempt: Attempt) -> None:
        id, broadcast = attempt.begun.lease.id, not attempt.begun.lease.nonce
        if attempt.claim is not None:
            await asyncio.sleep(0)  # its claim goes out first: if it takes this process down, Redis knows who did
        try:
            await self._run_of(attempt)
            if not attempt.vacant:
                await vacated(attempt)
        except asyncio.CancelledError:  # this worker is being torn down
            self.leases.drop(attempt.begun.lease)
            raise
        except GeneratorExit as error:  # a Future had it: asyncio throws it in here, and Python closes all below
            if closed(self._tasks.get(id)):
                raise
            if not attempt.over:
                await self._concluded(attempt, Raised(error))
        except BaseException:
            # Nothing was settled: the lease runs out, and another worker gets it.
            self.leases.drop(attempt.begun.lease)
            log.exception("%s: the worker failed while running it", id)
        finally:
            self.done += 1
            if self.attempts.get(id) is attempt:
                del self.attempts[id], self._tasks[id]
            if not broadcast:
                self.slots.give_back()

    def _run_of(self, attempt: Attempt) -> Coroutine[object, object, None]:
        return self._run_traced(attempt) if self._traced(attempt.envelope.traceparent) else self._run(attempt)

    def _give_up(self, attempt: Attempt, ending: Ending) -> None:
        """End an attempt without its function, which goes on though it was stopped. It keeps its place."""
        attempt.given_up = attempt.over = True
        name_deaf(attempt)
        self._keep(asyncio.create_task(self._concluded(attempt, ending), name=f"penstock end of {attempt.envelope.id}"))

    async def _concluded(self, attempt: Attempt, ending: Ending) -> None:
        ruling = self.conclusions.rule(attempt, ending)
        await tell_hooks(self.extensions.hooks, self.extensions.middlewares, attempt, ruling)
        await attempt.conclude()
        self.conclusions.settle(attempt, ruling, attempt.envelope.traceparent)

    def _room_of(self, attempt: Attempt) -> Room:
        return self.room if attempt.begun.lease.nonce or self.beside is None else self.beside

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    def _traced(self, parent: str | None) -> bool:
        follow = self._tracing is Tracing.FOLLOW
        return self._tracing is not Tracing.OFF and not (follow and not telemetry.sampled(parent))

    async def _run(self, attempt: Attempt) -> None:
        envelope = attempt.envelope
        if envelope.links is None and not envelope.codec and self.extensions.nobody:  # most: a call less
            ending = foregone(envelope, attempt.begun, attempt.definition)
            ruling = self.conclusions.rule(attempt, ending or await attempt.run(self._room_of(attempt)))
        else:
            ruling = await self._ruled(attempt)
        if not attempt.given_up:
            if attempt.claim is not None:
                await attempt.conclude()
            self.conclusions.settle(attempt, ruling, attempt.envelope.traceparent)

    async def _run_traced(self, attempt: Attempt) -> None:
        parent = attempt.envelope.traceparent or telemetry.derived(attempt.envelope.id)
        with attempt_span(attempt.envelope, attempt.begun, parent) as span:
            ruling = await self._ruled(attempt)
            if ruling.failure is not None:
                telemetry.failed(span, f"{ruling.failure.type}: {ruling.failure.message}")
        if not attempt.given_up:
            await attempt.conclude()
            self.conclusions.settle(attempt, ruling, telemetry.traceparent(span) or parent)

    async def _ruled(self, attempt: Attempt) -> Ruling:
        """Run it, and tell the app's hooks how that went."""
        hooks, ending = self.extensions.hooks, foregone(attempt.envelope, attempt.begun, attempt.definition)
        if ending is None and (attempt.envelope.links is not None or attempt.envelope.codec):
            ending = await supplied(self.broker, attempt, self.extensions.codec)
        if hooks.before and ending is None:
            await hooks.told(hooks.before, attempt.context)
        ruling = self.conclusions.rule(attempt, ending or await attempt.run(self._room_of(attempt)))
        if not attempt.given_up:
            await tell_hooks(hooks, self.extensions.middlewares, attempt, ruling)
        return ruling

    # --- 3. report --------------------------------------------------------------------------------------------

    async def publish(self, attempt: Attempt) -> None:
        """Report that a task runs, and how far it is."""
        if attempt.over:
            return
        envelope, begun = attempt.envelope, attempt.begun
        said = attempt.said
        if begun.lease.nonce and said is not NOTHING_SAID:
            await self.broker.note(begun.lease, said.json)
        if not (attempt.lost or attempt.over):
            standing = running(envelope, begun, self.clock(), self.claimer.worker)
            self.reporter.standing(envelope, replace(standing, percent=said.percent, said=said.message))

    # --- from outside -----------------------------------------------------------------------------------------

    def at(self, task: asyncio.Task[object]) -> tuple[str, str] | None:
        """Name and id of the attempt that this asyncio task runs, or has started it (Python 3.11 doesn't tell that).
        From any thread."""
        lease: Lease | None = None
        if sys.version_info >= (3, 12):
            lease = task.get_context().get(family.running)
        for id, attempt in self.attempts.copy().items():
            if self._tasks.get(id) is task or (lease is not None and lease.id == id):
                return attempt.envelope.task, id
        return None

    def wants(self, message: bytes) -> bool:
        """Whether a parked message is for this worker."""
        return wanted(message, self.tasks, self.clock(), self.extensions.codec)

    def cancel(self, id: str) -> None:
        """Somebody cancelled a task; if it runs here, stop it."""
        if attempt := self.attempts.get(id):
            attempt.stop(Phase.CANCELLED, "cancelled while it ran")
        else:
            self._recalls.told(id)

    def _lease_changed(self, lease: Lease, renewal: Renewal) -> None:
        attempt = self.attempts.get(lease.id)
        if renewal is Renewal.CANCEL:
            self.cancel(lease.id)
        elif attempt is not None and attempt.begun.lease == lease:
            log.warning("%s: its lease was lost; this attempt is stopped", lease.id)
            attempt.lose()
            self.outage.tally.lost[lease.queue] += 1

    async def ended(self, id: str, patience: float) -> None:
        """Return when a task that runs here has ended, or after `patience` seconds."""
        if (task := self._tasks.get(id)) is not None:
            await asyncio.wait([task], timeout=patience)

    async def drain(self, seconds: float, hurried: asyncio.Event | None = None) -> None:
        """Let what runs finish for `seconds`, or until `hurried`, then hand the rest back."""
        await self._all_ended(seconds, hurried or asyncio.Event())
        for attempt in list(self.attempts.values()):
            attempt.stop(None, "its worker shuts down")
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=HAND_BACK_SECONDS)
        if self._left:  # of these some never end, and others have just to be settled
            await asyncio.wait(self._left, timeout=LEFT_SECONDS)
        await self.conclusions.drain()

    async def _all_ended(self, seconds: float, hurried: asyncio.Event) -> None:
        """Return when nothing runs any more, after `seconds`, or once it is `hurried`."""
        ended = asyncio.gather(*self._tasks.values(), return_exceptions=True)
        waiting = asyncio.ensure_future(hurried.wait())
        try:
            await asyncio.wait((asyncio.shield(ended), waiting), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

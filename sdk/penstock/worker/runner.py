"""From claimed messages to settled ones: begin → run → rule → settle → report."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import msgspec
from opentelemetry import trace

from penstock import telemetry
from penstock.broker.protocol import Begun, Broker, Delivery, Lease, Renewal, Settlement, Verb, Verdict
from penstock.definition import Definition
from penstock.envelope import Envelope, Undecodable, decode
from penstock.outcome import Failure, Outcome
from penstock.standing import Standing
from penstock.status import Phase
from penstock.telemetry import Step
from penstock.worker.attempt import Attempt, Limit
from penstock.worker.leases import Leases
from penstock.worker.policy import Policies
from penstock.worker.progress import Progress
from penstock.worker.reporter import Reporter
from penstock.worker.settling import Settling
from penstock.worker.slots import Slots
from penstock.worker.verdict import Crashed, Ending, Ruling, Stopped, TimedOut, Unknown, rule

__all__ = ["Runner"]

log = logging.getLogger("penstock.worker")
# An unfinished task's record lives this much longer with every transition.
UNFINISHED_SECONDS = 7 * 24 * 3600.0
WORTH_TELLING_SECONDS = 1.0
# For settling what was handed back; what a thread still runs is fenced and not waited for.
HAND_BACK_SECONDS = 2.0


@dataclass(eq=False)
class Runner:
    """What one worker process is running now."""

    tasks: Mapping[str, Definition]
    broker: Broker
    worker: str
    consumer: str
    lease_seconds: float
    slots: Slots
    threads: ThreadPoolExecutor
    reporter: Reporter
    policies: Policies
    clock: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    attempts: dict[str, Attempt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leases = Leases(self.broker, self.consumer, self.lease_seconds, self._lease_changed)
        self._settling = Settling(self.broker)
        self._tasks: set[asyncio.Task[None]] = set()

    # --- 1. begin ---------------------------------------------------------------------------------------------

    async def accept(self, deliveries: Sequence[Delivery]) -> None:
        """Begin claimed messages, each of which has its place already: it goes back with its task, or here."""
        begun = 0
        try:
            readable = [(delivery, envelope) for delivery in deliveries if (envelope := await self._read(delivery))]
            for delivery, envelope, start in await self._begin([one for one in readable if self._is_new(one[0])]):
                self._spawn(self._see_through(delivery, envelope, start), delivery.id)
                begun += 1
        finally:
            self.slots.give_back(len(deliveries) - begun)

    async def _begin(self, readable: Sequence[tuple[Delivery, Envelope]]) -> list[tuple[Delivery, Envelope, Begun]]:
        if not readable:
            return []
        deliveries = [delivery for delivery, _ in readable]
        max_crashes = (await self.policies.config(deliveries[0].queue)).max_crashes
        begun = await self.broker.begin(deliveries, self.consumer, self.worker, max_crashes=max_crashes)
        return [(*pair, start) for pair, start in zip(readable, begun, strict=True)]

    def _is_new(self, delivery: Delivery) -> bool:
        """Taking over what runs here (its lease had run out, unnoticed by others) has just renewed it. Another entry of
        the same task means that Redis had lost the one that runs: it counts no more."""
        running = self.attempts.get(delivery.id)
        if running is None:
            return True
        if running.begun.lease.entry == delivery.entry:
            return False
        running.lose()
        return True

    def _spawn(self, work: Coroutine[object, object, None], id: str) -> None:
        task = asyncio.create_task(work, name=f"penstock {id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, delivery: Delivery) -> Envelope | None:
        try:
            return decode(delivery.message)
        except Undecodable as error:
            log.error("%s goes to the dead letters: %s", delivery.id, error)
            failure = Failure.bounded("Undecodable", str(error))
            now = self.clock()
            outcome = Outcome(id=delivery.id, task="", phase=Phase.DEAD_LETTERED, finished_at=now, failure=failure)
            await self.broker.bury(delivery, outcome, life=UNFINISHED_SECONDS)
            return None

    async def _see_through(self, delivery: Delivery, envelope: Envelope, begun: Begun) -> None:
        attempt: Attempt | None = None
        try:
            if begun.verdict not in (Verdict.LOST, Verdict.DONE):
                attempt = await self._prepare(delivery, envelope, begun)
                self.leases.hold(begun.lease)
                await self._run(attempt)
                await attempt.vacated()
        except Exception:
            # Nothing was settled: the lease runs out, and another worker gets it.
            log.exception("%s: the worker failed while running it", delivery.id)
        finally:
            self.leases.drop(begun.lease)
            if self.attempts.get(delivery.id) is attempt:
                self.attempts.pop(delivery.id, None)
            self.slots.give_back()

    async def _prepare(self, delivery: Delivery, envelope: Envelope, begun: Begun) -> Attempt:
        definition = self.tasks.get(envelope.task)
        policy = await self.policies.of(envelope, definition)
        limit = Limit.of(policy.timeout, envelope.deadline, begun.started_at)
        attempt = Attempt(envelope, delivery.message, begun, definition, limit, policy)
        self.attempts[delivery.id] = attempt
        return attempt

    # --- 2. run -----------------------------------------------------------------------------------------------

    async def _run(self, attempt: Attempt) -> None:
        envelope, begun = attempt.envelope, attempt.begun
        names = telemetry.attributes(
            Step.ATTEMPT, id=envelope.id, task=envelope.task, queue=envelope.queue, attempt=begun.attempts
        )
        parent = envelope.traceparent or telemetry.derived(envelope.id)
        waiting = {**names, "messaging.operation.name": Step.WAIT}
        telemetry.record(Step.WAIT, waiting, parent=parent, began=begun.queued_at, ended=begun.started_at)
        span = telemetry.start(Step.ATTEMPT, names, parent=parent)
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            ending = self._foregone(attempt) or await self._execute(attempt)
            ruling = rule(ending, begun.attempts, attempt.policy.retry, self.random)
            if ruling.failure is not None:
                telemetry.failed(span, f"{ruling.failure.type}: {ruling.failure.message}")
        if not attempt.lost:
            await self._settle(attempt, ruling, telemetry.traceparent(span) or parent)

    def _foregone(self, attempt: Attempt) -> Ending | None:
        """How it ends without being run at all, if so."""
        envelope, begun = attempt.envelope, attempt.begun
        if begun.verdict is Verdict.CANCELLED:
            return Stopped(Phase.CANCELLED, "cancelled before it started")
        if begun.verdict is Verdict.CRASHED:
            return Crashed(begun.crashes)
        if envelope.deadline is not None and envelope.deadline <= begun.started_at:
            return TimedOut(begun.started_at - envelope.deadline, deadline=True)
        if attempt.definition is None:
            log.warning("%s: no task %r here; parked for a worker that knows it", envelope.id, envelope.task)
            return Unknown(envelope.task)
        return None

    async def _execute(self, attempt: Attempt) -> Ending:
        async def publish(percent: float | None, message: str) -> None:
            await self._report_running(attempt, percent, message)

        progress = Progress(publish)
        try:
            return await attempt.run(self.threads, progress.tell)
        finally:
            await progress.end()

    async def _report_running(self, attempt: Attempt, percent: float | None, message: str) -> None:
        envelope, begun = attempt.envelope, attempt.begun
        if percent is not None or message:
            await self.broker.note(begun.lease, msgspec.json.encode({"percent": percent, "message": message}))
        if not attempt.lost:
            said = f"attempt {begun.attempts} runs on {self.worker}"
            standing = self._standing(attempt, Phase.RUNNING, "Running", said)
            self.reporter.standing(envelope, replace(standing, percent=percent, said=message))

    def _standing(self, attempt: Attempt, phase: Phase, reason: str, message: str) -> Standing:
        begun = attempt.begun
        return Standing(
            phase,
            reason,
            message,
            at=self.clock(),
            attempts=begun.attempts,
            worker=self.worker,
            queued_at=begun.queued_at,
            started_at=begun.started_at,
            traceparent=attempt.envelope.traceparent,
        )

    # --- 3. settle and report -----------------------------------------------------------------------------------

    async def _settle(self, attempt: Attempt, ruling: Ruling, traceparent: str) -> None:
        outcome = self._outcome(attempt, ruling, traceparent) if ruling.verb is Verb.END else None
        settlement = Settlement(
            lease=attempt.begun.lease,
            verb=ruling.verb,
            message=attempt.message,
            phase=ruling.phase,
            outcome=outcome,
            delay=ruling.delay,
            life=UNFINISHED_SECONDS + ruling.delay if outcome is None else attempt.policy.result_ttl,
        )
        if not await self._settling.settle(settlement):
            log.warning("%s: its lease was lost; whoever has it now decides its outcome", attempt.envelope.id)
        elif outcome is None:
            self._report_waiting(attempt, ruling)
        elif outcome.resource is not None:
            self.reporter.ended([outcome])

    def _report_waiting(self, attempt: Attempt, ruling: Ruling) -> None:
        """A wait of less than a moment isn't worth a write: the next attempt says more."""
        if ruling.verb is Verb.PARK:
            message = f"no live worker knows the task {attempt.envelope.task!r}: it waits for one that does"
            self.reporter.standing(attempt.envelope, self._standing(attempt, ruling.phase, "Parked", message))
        elif ruling.delay >= WORTH_TELLING_SECONDS and ruling.failure is not None:
            message = f"again in {ruling.delay:.0f} s after {ruling.failure.type}: {ruling.failure.message}"
            self.reporter.standing(attempt.envelope, self._standing(attempt, ruling.phase, "Retrying", message))

    def _outcome(self, attempt: Attempt, ruling: Ruling, traceparent: str) -> Outcome:
        envelope, begun = attempt.envelope, attempt.begun
        return Outcome(
            id=envelope.id,
            task=envelope.task,
            phase=ruling.phase,
            attempts=begun.attempts,
            worker=self.worker,
            queued_at=begun.queued_at,
            started_at=begun.started_at,
            finished_at=max(begun.started_at, self.clock()),
            result=ruling.result,
            failure=ruling.failure,
            traceparent=traceparent,
            resource=envelope.resource,
        )

    # --- from outside -----------------------------------------------------------------------------------------

    def wants(self, message: bytes) -> bool:
        """Whether a parked message is for this worker: it knows the name, or may at least tell that time is up."""
        try:
            envelope = decode(message)
        except Undecodable:
            return True
        late = envelope.deadline is not None and envelope.deadline <= self.clock()
        return late or envelope.task in self.tasks

    def cancel(self, id: str) -> None:
        """Somebody cancelled a task; if it runs here, stop it."""
        if attempt := self.attempts.get(id):
            attempt.stop(Phase.CANCELLED, "cancelled while it ran")

    def _lease_changed(self, lease: Lease, renewal: Renewal) -> None:
        attempt = self.attempts.get(lease.id)
        if renewal is Renewal.CANCEL:
            self.cancel(lease.id)
        elif attempt is not None and attempt.begun.lease == lease:
            attempt.lose()

    async def drain(self, seconds: float) -> None:
        """Let what runs finish for `seconds`, then hand the rest back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for attempt in list(self.attempts.values()):
            attempt.stop(None, "its worker shuts down")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=HAND_BACK_SECONDS)

"""A worker process: queues in, outcomes out, until it is told to drain. Runs anywhere: container, `dev`, tests."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from penstock.broker import Broker
from penstock.broker.messages import Claimer, Signal
from penstock.clock import ServerClock
from penstock.definition import Definition
from penstock.errors import PenstockError, SubmissionError
from penstock.extensions import Extensions
from penstock.stopping import let_go, within
from penstock.worker import databases
from penstock.worker.attempt import Attempt
from penstock.worker.forks import working_here
from penstock.worker.intake import Intake
from penstock.worker.metrics import observe
from penstock.worker.outage import Outage
from penstock.worker.policy import Policies
from penstock.worker.pool import Pool
from penstock.worker.presence import Presence
from penstock.worker.progress import report_progress
from penstock.worker.recycling import Limits, due, resident_bytes
from penstock.worker.reporter import NobodyAsks, Reporter
from penstock.worker.room import Room
from penstock.worker.runner import Runner
from penstock.worker.slots import Slots
from penstock.worker.stalls import Stalls
from penstock.worker.subtasks import contain, release
from penstock.worker.tally import Tally
from penstock.worker.upkeep import Upkeep

__all__ = ["TASK_THREADS", "Settings", "Worker"]

log = logging.getLogger("penstock.worker")
TASK_THREADS = "penstock-task"
BROADCAST_THREADS = "penstock-broadcast"
PULSE_SECONDS = 1.0
PAUSE_SECONDS = 1.0
NAMED = 20  # of the running tasks, in a log line
LAST_CLAIM_SECONDS = 1.5  # for the claim under way when a drain begins; what it brings later than that is handed back
# At the end of a drain, for what is our own; the last three at a time. A broker or an API server may not answer.
STOP_SECONDS = 0.5
REPORT_SECONDS = 4.0
CLOSE_SECONDS = 2.5


def _incarnation() -> str:
    """Unique per process incarnation: a restarted container must not inherit its predecessor's messages."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker works. Seconds. `name` is what tasks show as their worker (a pod's name)."""

    queues: Sequence[str]
    concurrency: int = 16
    lease_seconds: float = 15.0
    drain_seconds: float = 30.0
    name: str = field(default_factory=socket.gethostname)
    consumer: str = field(default_factory=_incarnation)
    limits: Limits = field(default_factory=Limits)

    @property
    def claimer(self) -> Claimer:
        """As the broker knows it."""
        return Claimer(self.consumer, self.name)


class Worker:
    """Use as `async with Worker(...)`: it works while inside, and drains on the way out."""

    def __init__(
        self,
        tasks: Mapping[str, Definition],
        broker: Broker,
        settings: Settings,
        reporter: Reporter | None = None,
        extensions: Extensions | None = None,
        threads: Pool | None = None,
    ) -> None:
        """`threads`: where plain functions run. Default: its own, where Django's connections are handled as around a
        request. Raises ConfigurationError for a task whose dependencies can't be met."""
        extensions = extensions or Extensions()
        if threads is None and databases.used():
            extensions = replace(extensions, middlewares=[*extensions.middlewares, databases.Requests()])
        for definition in tasks.values():
            _ = definition.arguments
        self.settings = settings
        self.last_pulse = 0.0
        self.working = False
        self.spent = asyncio.Event()  # it has done enough and should be replaced; see `recycling`
        self.hint = ""  # how to hurry a drain
        self._hurried = asyncio.Event()
        self._broker = broker
        self._reporter = reporter or NobodyAsks()
        self.tally = Tally()
        outage = self._outage = Outage(self.tally)
        self.slots = Slots(settings.concurrency)
        self._room = Room.of(settings.concurrency, extensions, threads or TASK_THREADS)
        self._beside = Room.of(settings.concurrency, extensions, threads or BROADCAST_THREADS)
        self._policies = Policies(broker, outage)
        self._runner = Runner(
            tasks,
            broker,
            settings.claimer,
            settings.lease_seconds,
            self.slots,
            self._room,
            self._reporter,
            self._policies,
            outage,
            clock=ServerClock(extensions.clock),
            beside=self._beside,
        )
        self._intakes = {
            queue: Intake(broker, queue, order, settings.claimer, self.slots, self._runner)
            for order, queue in enumerate(settings.queues)
        }
        intakes = list(self._intakes.values())
        self._presence = Presence(broker, settings.queues[0], settings.claimer, intakes, self._runner)
        self._upkeep = {queue: self._upkeep_of(queue) for queue in settings.queues}
        self._runner.conclusions.delayed = lambda queue: self._upkeep[queue].delayed()
        self._stalls = Stalls(self._runner.at, self.names, self.tally)
        self._reading: list[asyncio.Task[None]] = []
        self._timers: list[asyncio.Task[None]] = []

    def _upkeep_of(self, queue: str) -> Upkeep:
        settings, runner = self.settings, self._runner
        suspects = self._intakes[queue].isolate
        return Upkeep(
            self._broker,
            queue,
            settings.claimer,
            settings.lease_seconds,
            runner.wants,
            suspects,
            runner.announce,
            runner.conclusions.relay,
            self._outage,
        )

    @property
    def busy(self) -> int:
        """Tasks running now."""
        return len(self._runner.attempts)

    def names(self) -> list[str]:
        """Those tasks, as name and id; if there are none, the last that has started. From any thread."""
        running = [f"{one.envelope.task} ({one.envelope.id})" for one in self._runner.attempts.copy().values()]
        last = self._runner.last
        if running or last is None:
            return running[:NAMED]
        return [f"none (the last to start was {last.envelope.task}, {last.envelope.id})"]

    async def __aenter__(self) -> Worker:
        """Raises ConfigurationError where the broker can't be relied on; one that is away is waited for."""
        try:
            await self._broker.check()
        except SubmissionError as error:
            self._outage.failed("check", self.settings.queues[0], error)
        contain(asyncio.get_running_loop())
        working_here()
        await asyncio.gather(*(upkeep.join() for upkeep in self._upkeep.values()))
        self._runner.leases.start()
        self._stalls.start()
        observe(self)
        self._presence.arrive()
        self._reading = [_kept(intake.run, f"intake {queue}") for queue, intake in self._intakes.items()]
        self._timers = [
            _kept(self._pulse, "pulse"),
            _kept(self._signals, "signals"),
            _kept(self._presence.attend, "presence"),
            _kept(partial(self._policies.follow, self.settings.queues), "settings"),
            _kept(partial(report_progress, self._running, self._runner.publish, self._outage), "progress"),
        ]
        for queue, upkeep in self._upkeep.items():
            chores = (upkeep.promote, upkeep.reclaim, upkeep.unpark, upkeep.broadcasts, upkeep.relayed, upkeep.tidy)
            self._timers += [_kept(chore, f"{chore.__name__} {queue}") for chore in chores]
        self.last_pulse, self.working = asyncio.get_running_loop().time(), True
        return self

    def _running(self) -> Iterable[Attempt]:
        return self._runner.attempts.values()

    async def until(self, stop: asyncio.Event) -> None:
        """Return when it should stop, or when it is spent."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self.spent)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def __aexit__(self, *exc: object) -> None:
        await self.drain()

    def hand_back(self) -> None:
        """End a drain now: what runs is handed back, and other workers run it."""
        self._hurried.set()

    async def drain(self) -> None:
        """Shut down in order: 1. claim no more, 2. finish or hand back, 3. report and leave the groups. No step waits
        for what doesn't end; leases that are left run out by themselves."""
        log.info("draining %d tasks for at most %g s%s", self.busy, self.settings.drain_seconds, self.hint)
        self.working = False
        for intake in self._intakes.values():
            intake.stop()
        self.slots.close()
        clock, seconds = asyncio.get_running_loop().time, self.settings.drain_seconds
        until = clock() + seconds
        await asyncio.wait(self._reading, timeout=LAST_CLAIM_SECONDS)
        await self._runner.drain(max(0.0, until - clock()), self._hurried)
        release(asyncio.get_running_loop())
        self._stalls.stop()
        await let_go([*self._reading, *self._timers], STOP_SECONDS)
        self._room.shut()
        self._beside.shut()
        last_steps = (
            (REPORT_SECONDS, self._reporter.drain(REPORT_SECONDS), "reporting"),
            (CLOSE_SECONDS, self._leave(), "leaving the queues"),
            (CLOSE_SECONDS, self._runner.leases.stop(), "renewing leases"),
            (CLOSE_SECONDS, self._room.processes.close(), "ending the tasks' processes"),
            (CLOSE_SECONDS, self._beside.processes.close(), "ending the broadcasts' processes"),
        )
        await asyncio.gather(*(within(most, step, what) for most, step, what in last_steps))

    async def _leave(self) -> None:
        with suppress(PenstockError):
            for queue in self.settings.queues:
                await self._broker.leave(queue, self.settings.claimer)

    async def _pulse(self) -> None:
        """The liveness probe looks at this: a stuck loop misses it."""
        while True:
            self.last_pulse = asyncio.get_running_loop().time()
            if not self.spent.is_set() and (why := due(self.settings.limits, self._runner.done, resident_bytes)):
                log.info("to be replaced: %s", why)
                self.spent.set()
            await asyncio.sleep(PULSE_SECONDS)

    async def _signals(self) -> None:
        async with aclosing(self._broker.signals(self.settings.queues)) as signals:
            async for signal in signals:
                self._told(signal)

    def _told(self, signal: Signal) -> None:
        if signal.kind == "cancel":
            return self._runner.cancel(signal.value)
        if signal.value not in self._intakes:
            return None
        if signal.kind == "broadcast":
            return self._upkeep[signal.value].told()
        if signal.kind == "ended":
            return self._upkeep[signal.value].ended()
        if signal.kind == "cordon":
            return self._presence.told()
        if signal.kind == "settings":
            self._policies.changed()
        return self._intakes[signal.value].opened()


def _kept(work: Callable[[], Coroutine[object, object, None]], name: str) -> asyncio.Task[None]:
    """A task that goes on: a bug in it is logged, and mustn't silence the worker."""
    return asyncio.create_task(_again_and_again(work, name), name=f"penstock {name}")


async def _again_and_again(work: Callable[[], Coroutine[object, object, None]], name: str) -> None:
    while True:
        try:
            return await work()
        except Exception:
            log.exception("%s failed, starting it again", name)
        await asyncio.sleep(PAUSE_SECONDS)

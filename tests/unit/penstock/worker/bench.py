"""A runner with its places and a broker with outages, for the tests of what stands around it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from penstock import TaskContext
from penstock.broker.messages import Snapshot
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.outcome import Outcome
from penstock.standing import Standing
from penstock.worker.policy import Policies
from penstock.worker.pool import Pool
from penstock.worker.processes import Processes
from penstock.worker.room import Room
from penstock.worker.runner import Runner
from penstock.worker.slots import Slots
from tests.unit.penstock.worker.brokers import ME, FlakyBroker
from tests.waiting import wait_for

LEASE = 0.2


class Reports:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.news: list[tuple[str, Standing]] = []
        self.drained = False

    def standing(self, envelope: Envelope, standing: Standing) -> None:
        self.news.append((envelope.id, standing))

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes += outcomes

    async def drain(self, seconds: float) -> None:
        self.drained = True


class Bench:
    """`shop.send` runs until `finish`, unless it is replaced."""

    def __init__(self, broker: FlakyBroker, places: int, room: Room) -> None:
        self.broker = broker
        self.slots = Slots(places)
        self.reports = Reports()
        self.policies = Policies(broker)
        self.tasks: dict[str, Definition] = {}
        self.started: list[str] = []
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.runner = Runner(self.tasks, broker, ME, LEASE, self.slots, room, self.reports, self.policies)

        async def hold(context: TaskContext = TaskContext()) -> str:
            self.started.append(context.id)
            await self._gates[context.id].wait()
            return "done"

        self.define(hold)

    def define(self, function: Callable[..., Any], name: str = "shop.send", **options: Any) -> None:
        """Make a function one of its tasks."""
        self.tasks[name] = Definition(name, function, Options("mail", **options))

    def finish(self, *uniques: str) -> None:
        """Let these end."""
        for unique in uniques:
            self._gates[f"mail.{unique}"].set()

    async def claim(self, count: int = 1, *, alone: bool = False) -> None:
        """Begin what is ready."""
        claimed = await self.broker.claim("mail", ME, count, alone=alone)
        assert self.slots.take_now(len(claimed.begun)) == len(claimed.begun) == count
        self.runner.start(claimed.begun)

    @property
    def running(self) -> set[str]:
        """The ids of what runs."""
        return set(self.runner.attempts)

    async def reach(self, count: int) -> None:
        """Until so many were started."""

        async def reached() -> bool:
            return len(self.started) >= count

        await wait_for(reached, f"{count} tasks to start", patience=5)

    async def idle(self) -> None:
        """Until nothing runs and all is settled."""

        async def done() -> bool:
            return not self.running and (await self.broker.depth(["mail"]))["mail"].in_flight == 0

        await wait_for(done, "everything to be settled", patience=5)

    async def snapshot(self, unique: str = "1") -> Snapshot:
        """How a task stands."""
        [found] = await self.broker.snapshots([f"mail.{unique}"])
        assert found is not None
        return found

    async def outcome(self, unique: str = "1") -> Outcome:
        """How a task ended."""
        await self.idle()
        outcome = (await self.snapshot(unique)).outcome
        assert outcome is not None
        return outcome


@asynccontextmanager
async def bench(places: int = 4) -> AsyncIterator[Bench]:
    """A bench for as long as the block lasts."""
    threads, processes = Pool(4), Processes(2)
    made = Bench(FlakyBroker(), places, Room(threads, processes))
    try:
        yield made
    finally:
        await made.runner.drain(0.0)
        await processes.close()
        threads.shutdown(wait=False, cancel_futures=True)

"""The operator's parts over an API server and a broker in memory, with a clock that tests turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from penstock.broker import Broker
from penstock.broker.memory import MemoryBroker
from penstock.broker.memory.state import Memory
from penstock.broker.messages import Begun, Claimer, Depth, Limits, QueueConfig, Settlement, Verb
from penstock.envelope import Envelope, decode
from penstock.kube import Manifest
from penstock.outcome import Outcome
from penstock.report import TASKS
from penstock.status import Phase
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.admission.prospects import TURN, Prospect
from penstock_operator.admission.view import TaskView
from penstock_operator.api import EVENTS
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.settings import Settings
from penstock_operator.sweep import Known
from penstock_operator.tasks import Tasks
from penstock_operator.watching.source import Kind, Listener, Source, T
from tests.unit.fake_kube import FakeKube

NAMESPACE = "shop"
WORKER = Claimer("w", "pod-1")
SETTINGS = Settings("memory://", "penstock-system", "worker:1", "IfNotPresent", "penstock-worker", "", "INFO")


class Clock:
    """Time stands still unless `pass_` is called."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Turn it on."""
        self.now += seconds


def told(listener: Listener[T], kind: Kind[T], type: str, body: Manifest) -> None:
    """What an informer tells of one object."""
    if type == "DELETED":
        listener.gone(body["metadata"]["uid"])
    else:
        listener.seen(Source("", kind).read(msgspec.json.encode(body)))


@dataclass
class TaskRig:
    """Tasks as the operator handles them, with a worker's part played by hand."""

    clock: Clock = field(default_factory=Clock)
    rules: QueueRules = field(default_factory=QueueRules)
    prospect: Prospect = TURN

    def __post_init__(self) -> None:
        self.brokers = Brokers("memory://", clock=self.clock)
        self.kube = FakeKube(self.clock)
        self.kube.tell(TASKS, self._watched)
        self.watching = True
        self.operate()

    def operate(self) -> None:
        """Another operator process, which knows nothing yet."""
        events = Events(self.kube, "test")
        self.tasks = Tasks(
            self.kube,
            self.brokers,
            events,
            lambda _namespace, _queue: self.rules,
            self.clock,
            lambda _namespace, _queue: self.prospect,
        )

    def _watched(self, type: str, body: Manifest) -> None:
        if self.watching:
            told(self.tasks, TaskView, type, body)

    @property
    def broker(self) -> Broker:
        """The namespace's broker."""
        return self.brokers.of(NAMESPACE)

    # --- a user ---------------------------------------------------------------------------------------------------

    async def apply(self, name: str = "a", annotations: dict[str, str] | None = None, **spec: object) -> Manifest:
        """Create a Task and wait for the operator."""
        metadata = {"name": name, "annotations": annotations or {}}
        body = {"metadata": metadata, "spec": {"task": "mail.send", **spec}}
        await self.kube.create(TASKS, NAMESPACE, body)
        await self.idle()
        return self.task(name)

    async def change(self, name: str = "a", **spec: object) -> None:
        """Change a Task's spec and wait for the operator."""
        await self.kube.merge(TASKS, NAMESPACE, name, {"spec": spec})
        await self.idle()

    async def delete(self, name: str = "a") -> None:
        """Delete a Task and wait for the operator."""
        await self.kube.delete(TASKS, NAMESPACE, name)
        await self.idle()

    # --- the operator ---------------------------------------------------------------------------------------------

    async def idle(self) -> None:
        """Until the operator has nothing to do."""
        await asyncio.wait_for(self.tasks.queue.idle(), 5)

    async def restart(self, *names: str) -> None:
        """Another process takes over, and has seen those Tasks so far (none given: all)."""
        await self.tasks.queue.stop()
        self.operate()
        self.tasks.queue.start()
        for body in self.kube.stored(TASKS):
            if not names or body["metadata"]["name"] in names:
                told(self.tasks, TaskView, "ADDED", body)
        await self.idle()

    async def later(self, seconds: float = 0.0) -> None:
        """Let time pass; the operator looks at every Task again, as it does when one is due."""
        self.clock.pass_(seconds)
        for body in self.kube.stored(TASKS):
            self.tasks.queue.add((NAMESPACE, body["metadata"]["name"]))
        await self.idle()

    # --- a worker -------------------------------------------------------------------------------------------------

    async def start(self, queue: str = "mail") -> Begun:
        """Begin the only ready task."""
        [begun] = (await self.broker.claim(queue, WORKER, 10)).begun
        return begun

    async def settle(self, begun: Begun, phase: Phase = Phase.SUCCEEDED, *, at: float | None = None) -> Outcome:
        """End it as a worker does that dies before it reports."""
        envelope = decode(begun.message)
        outcome = Outcome(
            id=envelope.id,
            task=envelope.task,
            phase=phase,
            attempts=begun.attempts,
            worker="pod-1",
            finished_at=self.clock() if at is None else at,
            result=b"7" if phase is Phase.SUCCEEDED else None,
            resource=envelope.resource,
        )
        settlement = Settlement(lease=begun.lease, verb=Verb.END, phase=phase, outcome=outcome, life=3600.0)
        assert await self.broker.settle([settlement]) == [True]
        return outcome

    # --- what is there --------------------------------------------------------------------------------------------

    def task(self, name: str = "a") -> Manifest:
        """The Task."""
        return self.kube.the(TASKS, NAMESPACE, name)

    def status(self, name: str = "a") -> Manifest:
        """The Task's status."""
        return dict(self.task(name)["status"])

    def phase(self, name: str = "a") -> str:
        """The Task's phase."""
        return str(self.status(name)["phase"])

    def condition(self, type: str, name: str = "a") -> Manifest:
        """One of the Task's conditions."""
        [found] = [condition for condition in self.status(name)["conditions"] if condition["type"] == type]
        return dict(found)

    def names(self) -> list[str]:
        """The Tasks that there are."""
        return [body["metadata"]["name"] for body in self.kube.stored(TASKS)]

    def events(self) -> list[tuple[str, str]]:
        """(reason, name) of every Event."""
        return [(body["reason"], body["regarding"]["name"]) for body in self.kube.stored(EVENTS)]

    def lose(self) -> None:
        """The broker forgets everything, as an empty Redis after a fail-over."""
        broker = self.broker
        assert isinstance(broker, MemoryBroker)
        broker._memory = Memory(self.clock, broker._memory._woken)

    def forget(self, id: str) -> None:
        """The broker loses what it knows of one task, as after a fail-over."""
        broker = self.broker
        assert isinstance(broker, MemoryBroker)
        if (state := broker._memory.tasks.pop(id, None)) is not None:
            broker._memory.drop(id, state)
        broker._memory.forget(id)

    async def depth(self, queue: str = "mail") -> Depth:
        """What the queue holds."""
        return (await self.broker.depth([queue]))[queue]

    async def queued(self, queue: str = "mail") -> list[Envelope]:
        """Takes all that is ready."""
        return [decode(begun.message) for begun in (await self.broker.claim(queue, WORKER, 100)).begun]

    async def limit(self, depth: int, *, waits: bool = False) -> None:
        """No more than so many tasks may wait in the queue."""
        await self.broker.configure("mail", QueueConfig(limits=Limits(depth=depth), wait_for_room=waits))


def known(rig: TaskRig) -> Known:
    """What a sweep compares with."""
    return Known(rig.tasks, rig.tasks.knows, rig.tasks.queues)


@asynccontextmanager
async def task_rig() -> AsyncIterator[TaskRig]:
    """A rig whose operator works while the block lasts."""
    rig = TaskRig()
    rig.tasks.queue.start()
    try:
        yield rig
    finally:
        rig.kube.refuse = lambda _method, _path: None
        await rig.idle()  # on Python 3.11, news and a stop at once would be a hang: see test_workqueue
        await rig.tasks.queue.stop()

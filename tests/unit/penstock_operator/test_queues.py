from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from penstock import workqueue
from penstock.broker.messages import Depth, Limits, QueueConfig
from penstock.errors import NotConnected
from penstock.kube import Manifest
from penstock.resources.queue import TaskQueue, TaskQueueStatus
from penstock_operator import queues as module
from penstock_operator.api import TASK_QUEUES
from penstock_operator.brokers import Brokers
from penstock_operator.namespaces import Namespaces
from penstock_operator.queues import Queues
from penstock_operator.watching.stored import Kind
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import NAMESPACE, SETTINGS, Clock, told
from tests.waiting import wait_for


class QueueRig:
    """TaskQueues as the operator handles them, with depths told by hand."""

    def __init__(self, *, required: bool = False) -> None:
        self.clock = Clock()
        self.changed: list[str] = []
        self.kube = FakeKube(self.clock)
        self.brokers = Brokers("memory://")
        self.queues = Queues(
            self.kube,
            self.brokers,
            Namespaces(self.kube, SETTINGS),
            self.changed.append,
            required=required,
            clock=self.clock,
        )
        self.kube.tell(TASK_QUEUES, partial(told, self.queues, Kind(TaskQueue)))

    async def idle(self) -> None:
        """Until the operator has nothing to do."""
        await asyncio.wait_for(self.queues.queue.idle(), 5)

    async def apply(self, **spec: object) -> None:
        """Create the queue's resource."""
        await self.kube.create(TASK_QUEUES, NAMESPACE, {"metadata": {"name": "mail"}, "spec": spec})
        await self.idle()

    async def change(self, **spec: object) -> None:
        """Change it."""
        await self.kube.merge(TASK_QUEUES, NAMESPACE, "mail", {"spec": spec})
        await self.idle()

    async def paused(self) -> bool:
        """Whether workers find it so."""
        return (await self.brokers.of(NAMESPACE).depth(["mail"]))["mail"].paused

    async def config(self) -> QueueConfig:
        """What workers read."""
        return await self.brokers.of(NAMESPACE).config("mail")

    def status(self) -> Manifest:
        """The resource's status."""
        return dict(self.kube.the(TASK_QUEUES, NAMESPACE, "mail")["status"])

    def condition(self, type: str) -> Manifest:
        """One of its conditions."""
        [found] = [condition for condition in self.status()["conditions"] if condition["type"] == type]
        return dict(found)

    async def shows(self, ready: int) -> None:
        """Until the status has it."""

        async def shown() -> bool:
            return bool(self.status().get("depth") == ready)

        await wait_for(shown, f"the depth {ready} to be shown", patience=5)
        await self.idle()


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[QueueRig]:
    monkeypatch.setattr(module, "STATUS_SECONDS", 0.01)
    rig = QueueRig()
    rig.queues.queue.start()
    yield rig
    await rig.idle()
    await rig.queues.queue.stop()


async def test_settings_reach_the_broker(rig: QueueRig) -> None:
    await rig.apply(timeoutSeconds=30, maxCrashes=7)
    assert (await rig.config()).timeout == 30
    assert (await rig.config()).max_crashes == 7


async def test_a_change_reaches_it_too(rig: QueueRig) -> None:
    await rig.apply(timeoutSeconds=30)
    await rig.kube.merge(TASK_QUEUES, NAMESPACE, "mail", {"spec": {"timeoutSeconds": 60}})
    await rig.idle()
    assert (await rig.config()).timeout == 60


async def test_without_a_resource_the_defaults_hold_again(rig: QueueRig) -> None:
    await rig.apply(timeoutSeconds=30)
    await rig.kube.delete(TASK_QUEUES, NAMESPACE, "mail")
    await rig.idle()
    assert await rig.config() == QueueConfig()
    assert rig.queues.keys() == set()


async def test_what_the_queue_holds_is_shown(rig: QueueRig) -> None:
    await rig.apply()
    rig.queues.depths({(NAMESPACE, "mail"): Depth(ready=3, due=1, delayed=5, in_flight=2, dead=1, oldest=1.26)})
    await rig.shows(4)
    status = TaskQueueStatus.model_validate(rig.status())
    assert (status.delayed, status.in_flight, status.dead_lettered, status.oldest_seconds) == (5, 2, 1, 1.3)
    assert rig.condition("Ready")["status"] == "True"


async def test_the_same_is_not_written_twice(rig: QueueRig) -> None:
    await rig.apply()
    depths = {(NAMESPACE, "mail"): Depth(ready=3)}
    rig.queues.depths(depths)
    await rig.shows(3)
    before = len(rig.kube.requests)
    rig.queues.depths(depths)
    await rig.idle()
    told(rig.queues, Kind(TaskQueue), "MODIFIED", rig.kube.the(TASK_QUEUES, NAMESPACE, "mail"))
    await rig.idle()
    assert len(rig.kube.requests) == before


async def test_an_unknown_depth_leaves_the_last_one_standing(rig: QueueRig) -> None:
    await rig.apply()
    rig.queues.depths({(NAMESPACE, "mail"): Depth(ready=3)})
    await rig.shows(3)
    rig.queues.depths({(NAMESPACE, "mail"): None})
    await rig.idle()
    assert rig.status()["depth"] == 3


async def test_limits_are_acted_on(rig: QueueRig) -> None:
    await rig.apply(paused=True, maxDepth=5, overflow="Wait", concurrency={"max": 3}, rateLimit={"tasks": 10})
    assert rig.condition("Enforced")["status"] == "True"
    config = await rig.config()
    assert config.limits == Limits(rate=10, concurrency=3, depth=5)
    assert config.wait_for_room


async def test_a_paused_queue_is_paused_and_goes_on(rig: QueueRig) -> None:
    await rig.apply(paused=True)
    assert await rig.paused()
    await rig.change(paused=False)
    assert not await rig.paused()


async def test_without_its_resource_a_paused_queue_goes_on(rig: QueueRig) -> None:
    await rig.apply(paused=True, maxDepth=5)
    await rig.kube.delete(TASK_QUEUES, NAMESPACE, "mail")
    await rig.idle()
    assert not await rig.paused()
    assert await rig.config() == QueueConfig()


async def test_the_resource_has_the_last_word_on_a_pause(rig: QueueRig) -> None:
    await rig.apply(timeoutSeconds=30)
    await rig.brokers.of(NAMESPACE).pause("mail", True)
    await rig.change(timeoutSeconds=60)
    assert not await rig.paused()


async def test_what_was_not_published_is_tried_again(rig: QueueRig, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = rig.brokers.of(NAMESPACE)
    pause, outages = broker.pause, [1, 2]

    async def flaky(queue: str, paused: bool) -> None:
        if outages:
            outages.pop()
            raise NotConnected("nothing answers")
        await pause(queue, paused)

    monkeypatch.setattr(broker, "pause", flaky)
    monkeypatch.setattr(workqueue, "FIRST_PAUSE_SECONDS", 0.001)
    await rig.apply(paused=True)
    await wait_for(rig.paused, "the queue to be paused after all", patience=5)


async def test_the_default_life_of_its_tasks(rig: QueueRig) -> None:
    await rig.apply(ttlSecondsAfterFinished=60)
    assert rig.queues.rules(NAMESPACE, "mail").ttl == 60
    assert rig.queues.rules(NAMESPACE, "other").ttl is None


async def test_a_queue_that_is_not_understood_changes_nothing_and_says_so(rig: QueueRig) -> None:
    await rig.apply(maxCrashes=0)
    assert await rig.config() == QueueConfig()
    assert (rig.condition("Ready")["status"], rig.condition("Ready")["reason"]) == ("False", "InvalidSpec")
    assert rig.condition("Ready")["message"].startswith("spec.maxCrashes: ")


async def test_one_that_no_task_can_name_says_so(rig: QueueRig) -> None:
    await rig.kube.create(TASK_QUEUES, NAMESPACE, {"metadata": {"name": "my.queue"}, "spec": {}})
    await rig.idle()
    [ready] = rig.kube.the(TASK_QUEUES, NAMESPACE, "my.queue")["status"]["conditions"]
    assert (ready["status"], ready["message"]) == (
        "False",
        "metadata.name: a queue's name has no dots, so no task can name this: rename it",
    )


async def test_one_that_is_not_understood_any_more_keeps_its_settings(rig: QueueRig) -> None:
    await rig.apply(maxCrashes=7)
    rig.queues.depths({(NAMESPACE, "mail"): Depth(ready=3)})
    await rig.shows(3)
    await rig.change(maxCrashes=0)
    assert (await rig.config()).max_crashes == 7
    assert (rig.condition("Ready")["reason"], rig.status()["depth"]) == ("InvalidSpec", 3)
    await rig.change(maxCrashes=8)
    assert (await rig.config()).max_crashes == 8
    assert rig.condition("Ready")["status"] == "True"


async def test_times_move_with_what_they_speak_of_only(rig: QueueRig) -> None:
    await rig.apply()
    before = rig.condition("Ready")["lastTransitionTime"]
    rig.clock.pass_(60)
    rig.queues.depths({(NAMESPACE, "mail"): Depth(ready=3)})
    await rig.shows(3)
    assert rig.condition("Ready")["lastTransitionTime"] == before


async def test_before_the_first_look_no_depth_is_shown(rig: QueueRig) -> None:
    await rig.apply()
    assert "depth" not in rig.status()


class TestDefaultQueue:
    async def apply(self, rig: QueueRig, name: str, **spec: object) -> None:
        await rig.kube.create(TASK_QUEUES, NAMESPACE, {"metadata": {"name": name}, "spec": spec})
        await rig.idle()

    async def test_it_speaks_for_queues_without_a_resource(self, rig: QueueRig) -> None:
        await self.apply(rig, "default", timeoutSeconds=9, allowedTasks=["shop.*"])
        rig.queues.used({(NAMESPACE, "mail")})
        await rig.idle()
        assert (await rig.config()).timeout == 9
        assert rig.queues.rules(NAMESPACE, "mail").allowed == ("shop.*",)
        await rig.kube.delete(TASK_QUEUES, NAMESPACE, "default")
        await rig.idle()
        assert await rig.config() == QueueConfig()
        assert rig.queues.rules(NAMESPACE, "mail").allowed == ()

    async def test_a_queues_own_resource_comes_first(self, rig: QueueRig) -> None:
        await self.apply(rig, "default", timeoutSeconds=9)
        await rig.apply(timeoutSeconds=5)
        assert (await rig.config()).timeout == 5
        await rig.kube.delete(TASK_QUEUES, NAMESPACE, "mail")
        await rig.idle()
        assert (await rig.config()).timeout == 9

    async def test_of_another_namespace_it_says_nothing(self, rig: QueueRig) -> None:
        await self.apply(rig, "default", allowedTasks=["shop.*"])
        assert rig.queues.rules("elsewhere", "mail").allowed == ()


async def test_where_queues_have_to_exist_others_are_unknown() -> None:
    rig = QueueRig(required=True)
    rig.queues.queue.start()
    try:
        assert not rig.queues.rules(NAMESPACE, "mail").exists
        await rig.apply()
        assert rig.queues.rules(NAMESPACE, "mail").exists
        missing = rig.queues.rules(NAMESPACE, "other")
        assert (missing.exists, missing.known) == (False, ("mail",))
        assert rig.changed == [NAMESPACE]
    finally:
        await rig.queues.queue.stop()

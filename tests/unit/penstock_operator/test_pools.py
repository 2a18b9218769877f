from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from penstock.broker.messages import Depth
from penstock.errors import ApiRefused
from penstock.kube import Manifest
from penstock_operator import pools as module
from penstock_operator.api import DEPLOYMENTS, EVENTS, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS, WORKER_POOLS
from penstock_operator.events import Events
from penstock_operator.namespaces import Namespaces
from penstock_operator.pools import Pools
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import NAMESPACE, SETTINGS, Clock

BUSY = Depth(ready=25)
EMPTY = Depth()


class PoolRig:
    """Pools as the operator handles them, with depths told by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.kube = FakeKube(self.clock)
        self.kube.tell(
            WORKER_POOLS, lambda type, body: (self.pools.gone if type == "DELETED" else self.pools.seen)(body)
        )
        self.kube.tell(DEPLOYMENTS, self._deployment)
        self.operate()

    def operate(self) -> None:
        """Another operator process, which knows nothing yet."""
        namespaces = Namespaces(self.kube, SETTINGS)
        self.pools = Pools(self.kube, namespaces, Events(self.kube, "test"), SETTINGS, self.clock)

    def _deployment(self, type: str, body: Manifest) -> None:
        (self.pools.deployment_gone if type == "DELETED" else self.pools.deployment_seen)(body)

    async def idle(self) -> None:
        """Until the operator has nothing to do."""
        await asyncio.wait_for(self.pools.queue.idle(), 5)

    async def apply(self, name: str = "fast", **spec: object) -> None:
        """Create a pool that falls asleep at once."""
        autoscaling = {"idleSeconds": 0}
        body = {"metadata": {"name": name}, "spec": {"app": "shop.tasks:app", "autoscaling": autoscaling, **spec}}
        await self.kube.create(WORKER_POOLS, NAMESPACE, body)
        await self.idle()

    async def change(self, **spec: object) -> None:
        """Change the pool."""
        await self.kube.merge(WORKER_POOLS, NAMESPACE, "fast", {"spec": spec})
        await self.idle()

    async def depth(self, depth: Depth | None, queue: str = "shop") -> None:
        """The queue was looked at."""
        self.pools.depths({(NAMESPACE, queue): depth})
        await self.idle()

    def deployment(self) -> Manifest:
        """The pool's Deployment."""
        return self.kube.the(DEPLOYMENTS, NAMESPACE, "fast-workers")

    @property
    def replicas(self) -> int:
        """How many the Deployment asks for."""
        return int(self.deployment()["spec"]["replicas"])

    async def started(self, ready: int) -> None:
        """The Deployment's controller has brought pods up."""
        status = {"status": {"replicas": ready, "readyReplicas": ready}}
        await self.kube.merge(DEPLOYMENTS, NAMESPACE, "fast-workers", status)
        await self.idle()

    def status(self) -> Manifest:
        """The pool's status."""
        return dict(self.kube.the(WORKER_POOLS, NAMESPACE, "fast")["status"])

    def condition(self, type: str) -> Manifest:
        """One of the pool's conditions."""
        [found] = [condition for condition in self.status()["conditions"] if condition["type"] == type]
        return dict(found)

    def events(self) -> list[tuple[str, str]]:
        """(reason, note) of every Event."""
        return [(body["reason"], body["note"]) for body in self.kube.stored(EVENTS)]


@pytest.fixture
async def rig() -> AsyncIterator[PoolRig]:
    rig = PoolRig()
    rig.pools.queue.start()
    yield rig
    rig.kube.refuse = lambda _method, _path: None
    await rig.idle()
    await rig.pools.queue.stop()


async def test_a_new_pool_sleeps_with_a_deployment_of_its_own(rig: PoolRig) -> None:
    await rig.apply()
    assert rig.replicas == 0
    assert rig.status()["desiredReplicas"] == 0


async def test_its_namespace_gets_what_workers_need(rig: PoolRig) -> None:
    await rig.apply()
    for resource in (SECRETS, SERVICE_ACCOUNTS, ROLE_BINDINGS):
        assert len(rig.kube.stored(resource, NAMESPACE)) == 1


async def test_a_namespace_is_seen_to_once(rig: PoolRig) -> None:
    await rig.apply("fast")
    await rig.apply("slow")
    assert rig.kube.written("PATCH", "secrets") == 1


async def test_it_wakes_up_for_work_and_falls_asleep_after_it(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(EMPTY)
    assert rig.replicas == 0
    await rig.depth(BUSY)
    assert rig.replicas == 3
    await rig.depth(Depth(in_flight=1))
    assert rig.replicas == 3
    await rig.depth(EMPTY)
    assert rig.replicas == 0


async def test_an_unreadable_queue_takes_no_worker_away(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.depth(None)
    assert rig.replicas == 3
    assert rig.condition("BrokerReachable")["status"] == "False"
    await rig.depth(EMPTY)
    assert rig.replicas == 0
    assert rig.condition("BrokerReachable")["status"] == "True"


async def test_one_unreadable_queue_of_several_is_enough_to_hold(rig: PoolRig) -> None:
    await rig.apply(queues=["mail", "reports"])
    both = {(NAMESPACE, "mail"): BUSY, (NAMESPACE, "reports"): EMPTY}
    rig.pools.depths(both)
    await rig.idle()
    rig.pools.depths({**both, (NAMESPACE, "mail"): EMPTY, (NAMESPACE, "reports"): None})
    await rig.idle()
    assert rig.replicas == 3


async def test_it_names_the_queues_that_it_scales_by(rig: PoolRig) -> None:
    await rig.apply()
    await rig.apply("slow", queues=["mail", "reports"])
    assert rig.pools.queues() == {(NAMESPACE, "shop"), (NAMESPACE, "mail"), (NAMESPACE, "reports")}


async def test_the_decision_is_explained_in_status_and_events(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    decision = rig.status()["decision"]
    assert (decision["replicas"], decision["reason"]) == (3, "Backlog")
    assert decision["inputs"]["ready"] == 25
    await rig.depth(EMPTY)
    assert [reason for reason, _ in rig.events()] == ["ScaledOut", "ScaledIn"]
    assert rig.events()[0][1] == "0 → 3 replicas: Backlog: 25 tasks, 10 for each replica"


async def test_readiness_follows_the_deployment(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    assert rig.condition("Ready")["reason"] == "WorkersStarting"
    await rig.started(3)
    assert rig.condition("Ready")["reason"] == "WorkersReady"
    assert (rig.status()["replicas"], rig.status()["readyReplicas"]) == (3, 3)


async def test_the_same_look_twice_writes_nothing(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.depth(BUSY)  # by now the reason is that nothing is taken away, no longer that something came
    before = len(rig.kube.requests)
    for _ in range(3):
        await rig.depth(BUSY)
    assert len(rig.kube.requests) == before


async def test_scaling_leaves_the_pods_alone(rig: PoolRig) -> None:
    await rig.apply()
    before = rig.deployment()["spec"]["template"]
    await rig.depth(BUSY)
    assert rig.deployment()["spec"]["template"] == before


async def test_a_change_of_the_spec_reaches_the_pods_and_keeps_the_count(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.change(image="shop:2")
    [container] = rig.deployment()["spec"]["template"]["spec"]["containers"]
    assert (container["image"], rig.replicas) == ("shop:2", 3)
    assert rig.status()["observedGeneration"] == 2


async def test_somebody_elses_scaling_is_undone(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.kube.merge(DEPLOYMENTS, NAMESPACE, "fast-workers", {"spec": {"replicas": 1}})
    await rig.idle()
    assert rig.replicas == 3


async def test_a_deleted_deployment_comes_again(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.kube.delete(DEPLOYMENTS, NAMESPACE, "fast-workers")
    await rig.idle()
    assert rig.replicas == 3


async def test_a_restarted_operator_keeps_the_count_until_it_knows(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    rig.operate()
    rig.pools.queue.start()
    rig.pools.seen(rig.kube.the(WORKER_POOLS, NAMESPACE, "fast"))
    await rig.idle()
    assert rig.replicas == 3
    await rig.depth(None)
    assert rig.replicas == 3


@pytest.mark.parametrize("autoscaling", [{"mode": "Off"}, {"mode": "External"}])
async def test_outside_auto_the_spec_counts(rig: PoolRig, autoscaling: Manifest) -> None:
    await rig.apply(autoscaling=autoscaling, replicas=2)
    await rig.depth(BUSY)
    assert rig.replicas == 2
    await rig.change(replicas=5)
    await rig.depth(BUSY)
    assert rig.replicas == 5


async def test_a_paused_pool_is_held(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.change(autoscaling={"paused": True})
    await rig.depth(EMPTY)
    assert (rig.replicas, rig.status()["decision"]["reason"]) == (3, "Paused")


async def test_a_refused_template_is_told_on_the_pool_and_tried_again(
    rig: PoolRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSED_AGAIN_SECONDS", 0.01)
    refusal = ApiRefused(422, "Invalid", "spec.template.spec.volumes[1]: Required value")
    rig.kube.refuse = lambda method, path: refusal if method == "PATCH" and "/deployments/" in path else None
    await rig.apply(template={"spec": {"volumes": [{}]}})
    ready = rig.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "DeploymentRefused")
    assert ready["message"] == "spec.template.spec.volumes[1]: Required value"
    assert rig.kube.stored(DEPLOYMENTS) == []
    rig.kube.refuse = lambda _method, _path: None
    await rig.change(template=None)
    assert rig.condition("Ready")["reason"] == "ScaledToZero"
    assert rig.replicas == 0


async def test_a_pool_that_is_not_understood_leaves_the_others_alone(rig: PoolRig) -> None:
    await rig.apply("odd", concurrency=0)
    await rig.apply()
    assert [body["metadata"]["name"] for body in rig.kube.stored(DEPLOYMENTS)] == ["fast-workers"]


async def test_a_deleted_pool_is_forgotten(rig: PoolRig) -> None:
    await rig.apply()
    await rig.kube.delete(WORKER_POOLS, NAMESPACE, "fast")
    await rig.idle()
    assert rig.pools.queues() == set()


async def test_a_deployment_that_went_unseen_comes_again(rig: PoolRig) -> None:
    await rig.apply()
    rig.kube.vanish(DEPLOYMENTS, NAMESPACE, "fast-workers")  # between two watches
    await rig.depth(BUSY)
    rig.pools.queue.add((NAMESPACE, "fast"))  # the next look
    await rig.idle()
    assert rig.replicas == 3


async def test_a_decision_without_inputs_shows_none(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.depth(None)
    assert rig.status()["decision"]["inputs"] == {}

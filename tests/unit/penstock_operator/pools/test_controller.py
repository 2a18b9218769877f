from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from penstock.broker.messages import Claimer, Depth
from penstock.envelope import Envelope
from penstock.errors import ApiRefused, NotConnected
from penstock.kube import Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.api import (
    CORE_EVENTS,
    DEPLOYMENTS,
    EVENTS,
    PODS,
    ROLE_BINDINGS,
    SECRETS,
    SERVICE_ACCOUNTS,
    WORKER_POOLS,
)
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.survey import Reading
from penstock_operator.brokers import Brokers
from penstock_operator.deletion_cost import DELETION_COST
from penstock_operator.events import Events
from penstock_operator.manifests import POOL_LABEL
from penstock_operator.namespaces import Namespaces
from penstock_operator.pools import controller as module
from penstock_operator.pools.controller import Edges, Pools
from penstock_operator.pools.workloads import Workload
from penstock_operator.watching.stored import Kind
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator import pod_bodies
from tests.unit.penstock_operator.rig import NAMESPACE, SETTINGS, Clock, told

BUSY = Depth(ready=25)
EMPTY = Depth()
QUEUE = (NAMESPACE, "shop")


class PoolRig:
    """Pools as the operator handles them; depths are told by hand, or read from a broker that workers attend."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.kube = FakeKube(self.clock)
        self.brokers = Brokers("memory://", clock=self.clock)
        self.readings: dict[tuple[str, str], Reading] = {}
        self.kube.tell(WORKER_POOLS, lambda type, body: told(self.pools, Kind(WorkerPool), type, body))
        self.kube.tell(DEPLOYMENTS, lambda type, body: told(self.pools.workloads, Workload, type, body))
        self.kube.tell(PODS, lambda type, body: told(self.pools.pods, PodView, type, body))
        self.operate()

    def operate(self) -> None:
        """Another operator process, which knows nothing yet."""
        events = Events(self.kube, "test")
        edges = Edges(self.kube, self.brokers, Namespaces(self.kube, SETTINGS), events, SETTINGS)
        self.readings = {}
        self.pools = Pools(edges, self.readings, clock=self.clock)

    def start(self) -> None:
        """Let it work."""
        self.pools.queue.start()
        self.pools.statuses.queue.start()

    async def stop(self) -> None:
        """And stop it."""
        await self.pools.queue.stop()
        await self.pools.statuses.queue.stop()

    async def idle(self) -> None:
        """Until the operator has nothing to do."""
        await asyncio.wait_for(self.pools.queue.idle(), 5)
        await asyncio.wait_for(self.pools.statuses.queue.idle(), 5)

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
        self.readings[NAMESPACE, queue] = Reading(depth, Rates(self.clock(), depth or Depth()))
        self.pools.looked([(NAMESPACE, queue)])
        await self.idle()

    async def look(self, seconds: float = 1.0) -> None:
        """Time passes, and the queue is looked at."""
        self.clock.pass_(seconds)
        await self.depth((await self.brokers.of(NAMESPACE).depth(["shop"]))["shop"])
        self.pools.queue.add((NAMESPACE, "fast"))
        await self.idle()

    async def announced(self) -> None:
        """Events are written in their own time."""
        await self.pools.chronicle.tell()

    def deployment(self) -> Manifest:
        """The pool's Deployment."""
        return self.kube.the(DEPLOYMENTS, NAMESPACE, "fast-workers")

    @property
    def replicas(self) -> int:
        """How many the Deployment asks for."""
        return int(self.deployment()["spec"]["replicas"])

    async def started(self, ready: int) -> None:
        """The Deployment's controller has brought pods up."""
        await self._counted(ready)
        for number in range(ready):
            await self.kube.create(PODS, NAMESPACE, pod(f"fast-{number}"))
        await self.idle()

    async def _counted(self, count: int) -> None:
        status = {"replicas": count, "readyReplicas": count, "updatedReplicas": count}
        await self.kube.merge(DEPLOYMENTS, NAMESPACE, "fast-workers", {"status": status})

    async def attend(self, *busy: int, resting: Sequence[str] = ()) -> None:
        """The workers say how many tasks they run."""
        broker = self.brokers.of(NAMESPACE)
        for number, count in enumerate(busy):
            claimer = Claimer(f"fast-{number}-1-a", f"fast-{number}")
            cordon = await broker.attend("shop", claimer, count, resting=None)
            if f"fast-{number}" in resting:
                await broker.attend("shop", claimer, count, resting=cordon)

    async def end(self, name: str) -> None:
        """Kubernetes deletes a pod."""
        await self.kube.delete(PODS, NAMESPACE, name)
        await self._counted(len(self.kube.stored(PODS)))
        await self.idle()

    def costs(self) -> dict[str, str]:
        """Deletion costs of the pods, by their names."""
        return {
            body["metadata"]["name"]: body["metadata"]["annotations"][DELETION_COST] for body in self.kube.stored(PODS)
        }

    async def cordoned(self) -> set[str]:
        """Workers that are to claim nothing."""
        broker = self.brokers.of(NAMESPACE)
        names = [body["metadata"]["name"] for body in self.kube.stored(PODS)]
        return {name for name in names if await broker.attend("shop", Claimer(f"{name}-1-a", name), 0, resting=None)}

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


def pod(name: str, *, ready: bool = True) -> Manifest:
    """One of the pool's."""
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": "2026-01-01T00:00:05Z"}
    return {
        "metadata": {"name": name, "labels": {POOL_LABEL: "fast"}, "annotations": {DELETION_COST: "1"}},
        "spec": {"nodeName": "node"},
        "status": {"phase": "Running", "conditions": [condition]},
    }


@pytest.fixture
async def rig() -> AsyncIterator[PoolRig]:
    rig = PoolRig()
    rig.start()
    yield rig
    rig.kube.refuse = lambda _method, _path: None
    await rig.idle()
    await rig.stop()


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


async def test_before_the_first_look_nothing_is_decided(rig: PoolRig) -> None:
    await rig.apply()
    assert rig.status()["decision"]["reason"] == "Starting"
    await rig.depth(EMPTY)
    assert rig.status()["decision"]["reason"] == "Idle"


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
    await rig.depth(EMPTY, "reports")
    await rig.depth(BUSY, "mail")
    await rig.depth(None, "reports")
    await rig.depth(EMPTY, "mail")
    assert rig.replicas == 3


async def test_it_names_the_queues_that_it_scales_by(rig: PoolRig) -> None:
    await rig.apply()
    await rig.apply("slow", queues=["mail", "reports"])
    assert rig.pools.queues() == {(NAMESPACE, "shop"), (NAMESPACE, "mail"), (NAMESPACE, "reports")}


async def test_the_decision_is_explained_in_status_and_events(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(EMPTY)
    await rig.depth(BUSY)
    decision = rig.status()["decision"]
    assert (decision["replicas"], decision["reason"]) == (3, "Backlog")
    assert decision["inputs"]["waiting"] == 25
    await rig.announced()
    assert rig.events()[-1] == ("ScaledOut", "0 → 3 replicas: Backlog: 25 tasks, 10 for each replica")


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
    await rig.stop()
    rig.operate()
    rig.start()
    told(rig.pools, Kind(WorkerPool), "ADDED", rig.kube.the(WORKER_POOLS, NAMESPACE, "fast"))
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


async def test_a_field_that_is_none_is_told_though_it_is_answered_with_500(rig: PoolRig) -> None:
    said = "failed to create typed patch object (shop/fast-workers; apps/v1, Kind=Deployment): .spec.template.a: no"
    refusal = ApiRefused(500, "", said)
    rig.kube.refuse = lambda method, path: refusal if method == "PATCH" and "/deployments/" in path else None
    await rig.apply(template={"a": []})
    assert rig.condition("Ready")["reason"] == "DeploymentRefused"
    assert rig.condition("Ready")["message"].startswith("spec.template.a: no: write spec.template")


async def test_what_fails_in_the_operator_is_told(rig: PoolRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("unhashable type: 'list'")

    monkeypatch.setattr(module, "overridden", fail)
    await rig.apply()
    assert rig.condition("Ready")["message"] == (
        """the operator failed at this pool: TypeError("unhashable type: 'list'")"""
    )


async def test_a_scale_that_counts_in_another_mode_is_told(rig: PoolRig) -> None:
    await rig.apply(replicas=5)
    assert rig.condition("Enforced")["message"] == (
        "spec.replicas (5) counts in autoscaling.mode Off and External, and the mode is Auto"
    )
    await rig.change(autoscaling={"mode": "Off"})
    assert rig.condition("Enforced")["reason"] == "AllFields"


async def test_what_its_template_says_in_vain_is_told(rig: PoolRig) -> None:
    await rig.apply(template={"spec": {"serviceAccountName": "mine"}})
    enforced = rig.condition("Enforced")
    assert (enforced["status"], enforced["reason"]) == ("False", "TemplateOverridden")
    assert enforced["message"].endswith("left out: spec.template.spec.serviceAccountName")
    await rig.change(template=None)
    assert rig.condition("Enforced")["reason"] == "AllFields"


async def test_what_keeps_its_namespace_from_being_prepared_is_told(rig: PoolRig) -> None:
    refusal = ApiRefused(403, "Forbidden", "exceeded quota: small")
    rig.kube.refuse = lambda method, path: refusal if method == "PATCH" and "/rolebindings/" in path else None
    await rig.apply()
    ready = rig.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "DeploymentRefused")
    assert ready["message"].endswith("RoleBinding can't be made: exceeded quota: small")


async def test_events_explain_a_pod_that_does_not_start(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    await rig.kube.create(PODS, NAMESPACE, pod_bodies.body(pod_bodies.CREATING, name="slow"))
    slow = rig.kube.the(PODS, NAMESPACE, "slow")["metadata"]["uid"]
    for at, message in (("08", 'configmap "shop" not found'), ("07", "earlier")):
        event = {"lastTimestamp": f"2026-11-30T10:00:{at}Z", "reason": "FailedMount", "message": message}
        about = {"involvedObject": {"uid": slow}, "type": "Warning"}
        await rig.kube.create(CORE_EVENTS, NAMESPACE, {"metadata": {"name": f"event-{at}"}, **about, **event})
    rig.clock.pass_(20)
    for _ in range(2):  # looks
        await rig.depth(BUSY)
    assert rig.condition("Ready")["message"] == '1 of 1 pods: FailedMount: configmap "shop" not found'
    assert rig.condition("ScalingLimited")["reason"] == "PodsCannotStart"


async def test_a_pool_that_is_not_understood_leaves_the_others_alone(rig: PoolRig) -> None:
    await rig.apply("odd", concurrency=0)
    await rig.apply()
    assert [body["metadata"]["name"] for body in rig.kube.stored(DEPLOYMENTS)] == ["fast-workers"]
    [ready] = rig.kube.the(WORKER_POOLS, NAMESPACE, "odd")["status"]["conditions"]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "InvalidSpec")
    assert ready["message"].startswith("spec.concurrency: ")


async def test_one_that_is_not_understood_any_more_goes_on_as_before(rig: PoolRig) -> None:
    await rig.apply()
    await rig.change(concurrency=0)
    assert rig.condition("Ready")["reason"] == "InvalidSpec"
    await rig.depth(BUSY)
    assert rig.replicas == 3
    await rig.change(concurrency=5)
    assert rig.condition("Ready")["reason"] != "InvalidSpec"


async def test_the_deployment_of_a_pool_that_is_being_deleted_is_not_made_anew(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    rig.kube.mark_deleted(WORKER_POOLS, NAMESPACE, "fast")  # in the foreground: what it owns goes first
    await rig.kube.delete(DEPLOYMENTS, NAMESPACE, "fast-workers")
    await rig.idle()
    await rig.depth(BUSY)
    assert rig.kube.stored(DEPLOYMENTS) == []


async def test_a_deleted_pool_is_forgotten(rig: PoolRig) -> None:
    await rig.apply()
    await rig.kube.delete(WORKER_POOLS, NAMESPACE, "fast")
    await rig.idle()
    assert rig.pools.queues() == set()


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"template": {"spec": {"containers": [{"name": "worker", "image": "evil:1"}]}}}},
        {"spec": {"replicas": 7}},
        {"spec": {"template": {"spec": {"serviceAccountName": "default"}}}},
    ],
    ids=["image", "replicas", "account"],
)
async def test_a_deployment_that_somebody_changed_is_as_it_was(rig: PoolRig, change: Manifest) -> None:
    await rig.apply()
    await rig.depth(BUSY)
    before = rig.deployment()["spec"]
    await rig.kube.merge(DEPLOYMENTS, NAMESPACE, "fast-workers", change)
    await rig.idle()
    assert rig.deployment()["spec"] == before


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


# --- workers that leave ----------------------------------------------------------------------------------------------


async def three_workers(rig: PoolRig) -> None:
    """A pool with three of them, and nothing more to do."""
    await rig.apply()
    await rig.depth(BUSY)
    await rig.started(3)
    await rig.attend(0, 0, 0)


async def test_the_count_goes_down_once_the_chosen_ones_rest_and_kubernetes_knows_them(rig: PoolRig) -> None:
    await three_workers(rig)
    await rig.look()
    assert (rig.replicas, await rig.cordoned()) == (3, {"fast-0", "fast-1", "fast-2"})
    assert rig.condition("Progressing")["reason"] == "WorkersLeaving"
    await rig.attend(0, 0, 0, resting=["fast-1"])
    await rig.look()
    assert (rig.replicas, rig.costs()) == (3, {"fast-0": "1", "fast-1": "-1", "fast-2": "1"})
    await rig.look()
    await rig.look()
    assert rig.replicas == 2
    await rig.end("fast-1")
    await rig.attend(0, 0, 0, resting=["fast-0", "fast-2"])
    for _ in range(3):
        await rig.look()
    assert rig.replicas == 0


async def test_a_task_that_comes_meanwhile_gets_its_workers_back(rig: PoolRig) -> None:
    await three_workers(rig)
    await rig.look()
    await rig.brokers.of(NAMESPACE).send(
        [Envelope(id=f"shop.{number}", task="a.b", queue="shop", created_at=1.0) for number in range(30)]
    )
    await rig.look()
    assert (rig.replicas, await rig.cordoned(), set(rig.costs().values())) == (3, set(), {"1"})


async def test_a_busy_worker_stays_until_it_has_finished(rig: PoolRig) -> None:
    await rig.apply(autoscaling={"mode": "Off"}, replicas=1)
    await rig.depth(EMPTY)
    await rig.started(1)
    broker, claimer = rig.brokers.of(NAMESPACE), Claimer("fast-0-1-a", "fast-0")
    await broker.send([Envelope(id="shop.1", task="a.b", queue="shop", created_at=1.0)])
    await broker.claim("shop", claimer, 1)
    await rig.attend(1)
    await rig.change(replicas=0)
    for _ in range(5):
        await rig.look()
        assert (rig.replicas, await rig.cordoned()) == (1, {"fast-0"})
        await rig.attend(1)
    assert rig.status()["busyReplicas"] == 1


async def test_without_a_broker_workers_come_and_none_goes(rig: PoolRig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.apply(autoscaling={"mode": "Off"}, replicas=2)
    await rig.depth(EMPTY)
    await rig.started(2)
    await rig.attend(0, 0)
    await rig.look()

    async def away(*_: object) -> frozenset[str]:
        raise NotConnected("nothing answers")

    monkeypatch.setattr(rig.brokers.of(NAMESPACE), "cordon", away)
    await rig.kube.merge(WORKER_POOLS, NAMESPACE, "fast", {"spec": {"replicas": 1}})
    await asyncio.sleep(0)
    assert rig.replicas == 2
    await rig.kube.merge(WORKER_POOLS, NAMESPACE, "fast", {"spec": {"replicas": 4}})
    await rig.depth(None)
    assert rig.replicas == 4


async def test_what_keeps_pods_from_starting_is_told_and_no_more_are_asked_for(rig: PoolRig) -> None:
    await rig.apply()
    await rig.depth(Depth(ready=5))
    broken = pod("fast-0", ready=False)
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    broken["status"]["containerStatuses"] = [{"name": "worker", "state": {"waiting": waiting}}]
    await rig.kube.create(PODS, NAMESPACE, broken)
    await rig.depth(Depth(ready=50))
    limited = rig.condition("ScalingLimited")
    assert (limited["status"], limited["reason"]) == ("True", "PodsCannotStart")
    assert limited["message"] == "1 of 1 pods: container worker: ErrImagePull: no such image"
    assert (rig.replicas, rig.status()["decision"]["reason"]) == (1, "PodsCannotStart")
    await rig.kube.delete(PODS, NAMESPACE, "fast-0")
    await rig.depth(Depth(ready=50))
    assert rig.replicas == 5

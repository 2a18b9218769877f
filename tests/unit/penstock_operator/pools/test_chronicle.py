from __future__ import annotations

from penstock.broker.messages import Depth
from penstock.resources.autoscaling import Mode
from penstock.resources.pool import WorkerPool
from penstock_operator.api import EVENTS
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.survey import Reading
from penstock_operator.autoscale.view import Watched
from penstock_operator.events import Events
from penstock_operator.pools.announcements import Announcements
from penstock_operator.pools.chronicle import Chronicle
from penstock_operator.pools.state import PoolState
from penstock_operator.pools.views import PoolViews
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import Clock
from tests.unit.penstock_operator.views import DECISION, FAST

KEY = ("shop", "fast")


def state(
    decision: Decision | None = None, would: Decision | None = None, deployment: DeploymentView | None = None
) -> PoolState:
    body = {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "WorkerPool",
        "metadata": {"name": "fast", "namespace": "shop", "uid": "1"},
        "spec": {
            "app": "shop.tasks:app",
            "queues": ["mail"],
            "replicas": 2,
            "autoscaling": {"mode": "External", "minReplicas": 1, "maxReplicas": 4},
        },
    }
    return PoolState(
        WorkerPool.stored(body), signals=FAST.signals, decision=decision, would=would, deployment=deployment
    )


def test_a_state_as_others_see_it() -> None:
    known = state(decision=DECISION, would=Decision(4, "Backlog", ""))
    watched: Watched = PoolViews({KEY: known}, {("shop", "mail"): Reading(Depth(ready=1), None)})
    view = watched.pool(KEY)
    assert view is not None
    assert [*watched.views()] == [view]
    assert (view.key, view.mode, view.queues, view.signals) == (KEY, Mode.EXTERNAL, ("mail",), FAST.signals)
    assert (view.min_replicas, view.max_replicas, view.spec_replicas) == (1, 4, 2)
    assert (view.decision, view.would) == (known.decision, known.would)
    assert watched.pool(("shop", "other")) is None
    assert watched.looked_at() == {("shop", "mail"): Depth(ready=1)}


async def test_decisions_are_remembered_and_their_changes_told() -> None:
    kube, clock = FakeKube(), Clock()
    chronicle = Chronicle(Events(kube, "o", clock), clock)
    chronicle.judged(state(), None)
    assert chronicle.timelines.of(KEY) is None, "nothing was decided"
    chronicle.judged(state(deployment=DeploymentView(wanted=3), decision=DECISION), None)
    again = Decision(DECISION.replicas, DECISION.reason, "in other words")
    chronicle.judged(state(decision=again), DECISION)
    await told(chronicle)
    assert not kube.stored(EVENTS), "a start is no change, nor are other words"
    chronicle.judged(state(decision=Decision(0, "Idle", "nothing to do")), again)
    await told(chronicle)
    assert [event["note"] for event in kube.stored(EVENTS)] == ["3 → 0 replicas: Idle: nothing to do"]
    timeline = chronicle.timelines.of(KEY)
    assert timeline is not None
    assert [(change.was, change.to) for change in timeline.changes] == [(3, 0)]
    chronicle.gone(KEY)
    assert chronicle.timelines.of(KEY) is None


async def test_a_pool_that_has_another_size_at_the_start_is_told_of() -> None:
    kube, clock = FakeKube(), Clock()
    chronicle = Chronicle(Events(kube, "o", clock), clock)
    chronicle.judged(state(deployment=DeploymentView(wanted=1), decision=DECISION), None)
    await told(chronicle)
    assert [event["reason"] for event in kube.stored(EVENTS)] == ["ScaledOut"]


async def told(chronicle: Chronicle) -> None:
    announcements = chronicle._announcements
    assert isinstance(announcements, Announcements)
    await announcements.tell()

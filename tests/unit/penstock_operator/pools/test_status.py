from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.pool import WorkerPool, WorkerPoolStatus
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.departure import Chosen
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.signals import Fleet, Signals
from penstock_operator.pools.state import PoolState
from penstock_operator.pools.status import pool_status, said


def pool(**autoscaling: object) -> WorkerPool:
    document = {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "WorkerPool",
        "metadata": {"name": "fast", "generation": 4},
        "spec": {"app": "shop.tasks:app", "autoscaling": autoscaling},
    }
    return WorkerPool.model_validate(document)


counts = st.integers(0, 1000)


def workers(replicas: int = 0, ready: int = 0) -> DeploymentView:
    return DeploymentView(replicas, replicas, ready, replicas)


def status(
    deployment: DeploymentView,
    decision: Decision,
    *,
    refused: str = "",
    trouble: str = "",
    old: Manifest | None = None,
    now: float = 1.0,
) -> Manifest:
    signals = Signals(None, Fleet(trouble=trouble))
    state = PoolState(pool(), deployment=deployment, decision=decision, signals=signals, refused=refused)
    return dict(pool_status(state, old=old or {}, now=now))


def conditions(told: Manifest) -> dict[str, tuple[str, str, str]]:
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in told["conditions"]}


@given(
    st.builds(DeploymentView, counts, counts, counts, counts),
    st.builds(Decision, counts, st.sampled_from(["Backlog", "AtMaxReplicas", "Fallback"]), st.text(max_size=6000)),
    st.text(max_size=50),
    st.text(max_size=50),
)
def test_a_status_fits_the_schema(deployment: DeploymentView, decision: Decision, refused: str, trouble: str) -> None:
    parsed = WorkerPoolStatus.model_validate(status(deployment, decision, refused=refused, trouble=trouble))
    assert (parsed.observed_generation, parsed.desired_replicas) == (4, decision.replicas)
    assert {c.type for c in parsed.conditions} == {
        "Ready",
        "Progressing",
        "ScalingLimited",
        "BrokerReachable",
        "Enforced",
    }


def test_a_settled_pool_is_ready() -> None:
    told = conditions(status(workers(2, 2), Decision(2, "Backlog", "20 tasks")))
    assert told["Ready"] == ("True", "WorkersReady", "")
    assert told["Progressing"][:2] == ("False", "Settled")
    assert told["ScalingLimited"][0] == "False"


def test_a_sleeping_pool_is_ready_too() -> None:
    assert conditions(status(workers(), Decision(0, "Idle", "")))["Ready"] == ("True", "ScaledToZero", "")


def test_a_starting_pool_is_not() -> None:
    told = conditions(status(workers(2, 1), Decision(2, "Backlog", "20 tasks")))
    assert told["Ready"][:2] == ("False", "WorkersStarting")
    assert told["Progressing"] == ("True", "Scaling", "20 tasks")


def test_a_refused_deployment_is_told_in_the_api_servers_words() -> None:
    told = conditions(status(workers(2, 2), Decision(2, "Backlog", ""), refused="spec.x is wrong"))
    assert told["Ready"] == ("False", "DeploymentRefused", "spec.x is wrong")


def test_pods_that_cannot_start_limit_the_scale() -> None:
    told = conditions(status(workers(2), Decision(2, "Backlog", ""), trouble="exceeded quota"))
    assert told["ScalingLimited"] == ("True", "PodsCannotStart", "exceeded quota")


def test_the_ceiling_limits_the_scale() -> None:
    told = conditions(status(workers(2, 2), Decision(2, "AtMaxReplicas", "")))
    assert told["ScalingLimited"][:2] == ("True", "AtMaxReplicas")


@pytest.mark.parametrize("reason", ["BrokerUnreachable", "Fallback"])
def test_an_unreadable_queue_shows(reason: str) -> None:
    assert conditions(status(workers(), Decision(0, reason, "")))["BrokerReachable"][0] == "False"


def test_times_move_with_what_they_speak_of_only() -> None:
    first = status(workers(1, 1), Decision(1, "Backlog", "5 tasks"), now=1.0)
    second = status(workers(1, 0), Decision(1, "Backlog", "6 tasks"), old=first, now=2.0)
    moved = {c["type"] for c in second["conditions"] if c["lastTransitionTime"] == moment(2.0)}
    assert moved == {"Ready", "Progressing"}
    assert second["decision"]["at"] == moment(1.0)
    third = status(workers(1, 1), Decision(2, "Backlog", ""), old=second, now=3.0)
    assert third["decision"]["at"] == moment(3.0)


def test_windows_that_cannot_be_understood_are_told() -> None:
    asking = pool(windows=[{"schedule": "99 8 * * *", "durationMinutes": 60, "minReplicas": 2}])
    told = pool_status(PoolState(asking), old={}, now=1.0)
    [enforced] = [c for c in told["conditions"] if c["type"] == "Enforced"]
    assert (enforced["status"], enforced["reason"]) == ("False", "NotUnderstood")
    assert enforced["message"].startswith("autoscaling.windows[0].schedule '99 8 * * *' never comes")


def test_workers_on_their_way_out_are_progress() -> None:
    state = PoolState(pool(), deployment=workers(2, 2), decision=Decision(1, "Backlog", ""), chosen={"a": Chosen(0.0)})
    assert conditions(pool_status(state, old={}, now=1.0))["Progressing"][:2] == ("True", "WorkersLeaving")


def test_figures_alone_say_nothing_new() -> None:
    first = status(workers(1, 1), Decision(1, "Backlog", "5 tasks", {"waiting": 5}))
    second = status(workers(1, 1), Decision(1, "Stabilizing", "6 tasks", {"waiting": 6}), old=first, now=2.0)
    assert first != second
    assert said(first) == said(second)
    assert said(first) != said(status(workers(2, 1), Decision(2, "Backlog", "16 tasks"), old=first))

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.pool import WorkerPool, WorkerPoolStatus
from penstock_operator.autoscale.policy import Decision
from penstock_operator.pool_status import Workers, pool_status


def pool(**autoscaling: object) -> WorkerPool:
    document = {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "WorkerPool",
        "metadata": {"name": "fast", "generation": 4},
        "spec": {"app": "shop.tasks:app", "autoscaling": autoscaling},
    }
    return WorkerPool.model_validate(document)


counts = st.integers(0, 1000)


def status(
    workers: Workers, decision: Decision, refused: str = "", *, old: Manifest | None = None, now: float = 1.0
) -> Manifest:
    return dict(pool_status(pool(), workers, decision, refused, old=old or {}, now=now))


def conditions(told: Manifest) -> dict[str, tuple[str, str, str]]:
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in told["conditions"]}


@given(
    st.builds(Workers, counts, counts, counts, st.text(max_size=50)),
    st.builds(Decision, counts, st.sampled_from(["Backlog", "AtMaxReplicas", "Fallback"]), st.text(max_size=50)),
    st.text(max_size=50),
)
def test_a_status_fits_the_schema(workers: Workers, decision: Decision, refused: str) -> None:
    parsed = WorkerPoolStatus.model_validate(status(workers, decision, refused))
    assert (parsed.observed_generation, parsed.desired_replicas) == (4, decision.replicas)
    assert {c.type for c in parsed.conditions} == {
        "Ready",
        "Progressing",
        "ScalingLimited",
        "BrokerReachable",
        "Enforced",
    }


def test_a_settled_pool_is_ready() -> None:
    told = conditions(status(Workers(2, 2, 2), Decision(2, "Backlog", "20 tasks")))
    assert told["Ready"] == ("True", "WorkersReady", "")
    assert told["Progressing"][:2] == ("False", "Settled")
    assert told["ScalingLimited"][0] == "False"


def test_a_sleeping_pool_is_ready_too() -> None:
    assert conditions(status(Workers(), Decision(0, "Idle", "")))["Ready"] == ("True", "ScaledToZero", "")


def test_a_starting_pool_is_not() -> None:
    told = conditions(status(Workers(2, 2, 1), Decision(2, "Backlog", "20 tasks")))
    assert told["Ready"][:2] == ("False", "WorkersStarting")
    assert told["Progressing"] == ("True", "Scaling", "20 tasks")


def test_a_refused_deployment_is_told_in_the_api_servers_words() -> None:
    told = conditions(status(Workers(2, 2, 2), Decision(2, "Backlog", ""), "spec.x is wrong"))
    assert told["Ready"] == ("False", "DeploymentRefused", "spec.x is wrong")


def test_pods_that_cannot_start_limit_the_scale() -> None:
    told = conditions(status(Workers(2, 0, 0, "exceeded quota"), Decision(2, "Backlog", "")))
    assert told["ScalingLimited"] == ("True", "PodsCannotStart", "exceeded quota")


def test_the_ceiling_limits_the_scale() -> None:
    told = conditions(status(Workers(2, 2, 2), Decision(2, "AtMaxReplicas", "")))
    assert told["ScalingLimited"][:2] == ("True", "AtMaxReplicas")


@pytest.mark.parametrize("reason", ["BrokerUnreachable", "Fallback"])
def test_an_unreadable_queue_shows(reason: str) -> None:
    assert conditions(status(Workers(), Decision(0, reason, "")))["BrokerReachable"][0] == "False"


def test_times_move_with_what_they_speak_of_only() -> None:
    first = status(Workers(1, 1, 1), Decision(1, "Backlog", "5 tasks"), now=1.0)
    second = status(Workers(1, 1, 0), Decision(1, "Backlog", "6 tasks"), old=first, now=2.0)
    moved = {c["type"] for c in second["conditions"] if c["lastTransitionTime"] == moment(2.0)}
    assert moved == {"Ready", "Progressing"}
    assert second["decision"]["at"] == moment(1.0)
    third = status(Workers(1, 1, 1), Decision(2, "Backlog", ""), old=second, now=3.0)
    assert third["decision"]["at"] == moment(3.0)


@pytest.mark.parametrize(
    ("condition", "trouble"),
    [
        ({"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}, "exceeded quota"),
        ({"type": "Progressing", "status": "False", "message": "deadline"}, "deadline"),
        ({"type": "Progressing", "status": "False"}, "Progressing"),
        ({"type": "Progressing", "status": "True", "message": "fine"}, ""),
        ({"type": "Available", "status": "False", "message": "starting"}, ""),
    ],
)
def test_a_deployments_conditions_tell_of_trouble(condition: Manifest, trouble: str) -> None:
    body = {
        "metadata": {},
        "spec": {"replicas": 2},
        "status": {"replicas": 2, "readyReplicas": 1, "conditions": [condition]},
    }
    assert Workers.of(body) == Workers(2, 2, 1, trouble)


def test_a_new_deployment_has_no_workers() -> None:
    assert Workers.of({"metadata": {}, "spec": {"replicas": 2}}) == Workers(2)


def test_what_is_not_acted_on_is_told() -> None:
    asking = pool(windows=[{"schedule": "0 8 * * *", "durationMinutes": 60, "minReplicas": 2}])
    told = pool_status(asking, Workers(), Decision(0, "Idle", ""), "", old={}, now=1.0)
    [enforced] = [c for c in told["conditions"] if c["type"] == "Enforced"]
    assert (enforced["status"], enforced["message"].endswith("autoscaling.windows")) == ("False", True)

import pytest
from pydantic import ValidationError

from penstock.resources.autoscaling import Mode, Target
from penstock.resources.disruption import Budget
from penstock.resources.pool import WorkerPool, WorkerPoolSpec

MANIFEST = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "WorkerPool",
    "metadata": {"name": "shop"},
    "spec": {
        "app": "shop.tasks:app",
        "image": "shop-worker:1.4.0",
        "queues": ["emails", "images"],
        "concurrency": 8,
        "processes": 2,
        "drainSeconds": 60,
        "replicas": 3,
        "source": {"configMap": "shop-code"},
        "template": {"spec": {"containers": [{"name": "worker", "env": [{"name": "A", "value": None}]}]}},
        "autoscaling": {
            "mode": "Off",
            "minReplicas": 1,
            "maxReplicas": 20,
            "target": {"latencySeconds": 2.0},
            "scaleUp": {
                "stabilizationWindowSeconds": 5,
                "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}],
                "selectPolicy": "Max",
            },
            "scaleDown": {"selectPolicy": "Disabled"},
            "idleSeconds": 10.0,
            "fallback": {"replicas": 2},
            "paused": False,
            "prewarmSeconds": 3.0,
            "windows": [
                {"schedule": "0 8 * * 1-5", "timeZone": "Europe/Berlin", "durationMinutes": 600, "minReplicas": 2}
            ],
        },
        "disruption": {"protectBusy": True, "budget": {"maxUnavailable": "25%"}},
    },
    "status": {
        "observedGeneration": 1,
        "replicas": 3,
        "readyReplicas": 2,
        "busyReplicas": 1,
        "desiredReplicas": 3,
        "selector": "penstock.dev/pool=shop",
        "decision": {
            "replicas": 3,
            "reason": "Backlog",
            "message": "24 tasks, 10 for each replica",
            "inputs": {"backlog": 24.0},
            "at": "2027-01-01T09:00:00Z",
        },
        "conditions": [],
    },
}


def test_every_field_survives_the_round_trip() -> None:
    assert WorkerPool.stored(MANIFEST).manifest() == MANIFEST


def test_defaults() -> None:
    spec = WorkerPoolSpec(app="shop.tasks:app")
    assert (spec.concurrency, spec.processes, spec.drain_seconds, spec.replicas) == (16, 1, 30, 1)
    auto = spec.autoscaling
    assert (auto.mode, auto.min_replicas, auto.max_replicas, auto.idle_seconds) == (Mode.AUTO, 0, 10, 30)
    assert auto.target == Target(backlog_per_replica=10)
    assert (spec.disruption.protect_busy, spec.disruption.budget) == (False, None)


@pytest.mark.parametrize("app", ["shop", "shop.tasks", "shop/tasks:app", "shop.tasks:", ":app", "shop.:app"])
def test_app_names_a_module_and_an_attribute(app: str) -> None:
    with pytest.raises(ValidationError):
        WorkerPoolSpec(app=app)


@pytest.mark.parametrize("share", [0, 1, 10_000, "0%", "25%", "100%"])
def test_a_share_of_the_pods_is_a_number_or_a_percentage(share: int | str) -> None:
    assert Budget.model_validate({"maxUnavailable": share}).manifest() == {"maxUnavailable": share}


@pytest.mark.parametrize("share", [-1, 1.5, True, 10_001, "1", "101%", "-5%", "25", "5.5%", "%"])
def test_nothing_else_is_one(share: object) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate({"minAvailable": share})

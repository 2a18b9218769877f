from __future__ import annotations

from typing import Any

import pytest

from penstock_operator.pools.overrides import overridden
from tests.unit.penstock_operator.rig import SETTINGS
from tests.unit.penstock_operator.test_manifests import pool

WORKER = "spec.template.spec.containers[worker]"


def worker(**fields: object) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "worker", **fields}]}}


@pytest.mark.parametrize(
    ("template", "paths"),
    [
        ({"spec": {"serviceAccountName": "mine"}}, ["spec.template.spec.serviceAccountName"]),
        ({"spec": {"hostNetwork": True}}, ["spec.template.spec.hostNetwork"]),
        ({"spec": {"securityContext": {"fsGroup": 1}}}, ["spec.template.spec.securityContext.fsGroup"]),
        ({"spec": {"terminationGracePeriodSeconds": 1}}, ["spec.template.spec.terminationGracePeriodSeconds"]),
        (worker(image="mine:1"), [f"{WORKER}.image"]),
        (worker(ports=[{"name": "health", "containerPort": 1}]), [f"{WORKER}.ports[health].containerPort"]),
        (worker(livenessProbe={"exec": {"command": ["true"]}}), [f"{WORKER}.livenessProbe.exec"]),
        (worker(env=[{"name": "PENSTOCK_URL", "value": "redis://mine"}]), [f"{WORKER}.env[PENSTOCK_URL].value"]),
        ({"metadata": {"labels": {"penstock.dev/pool": "x"}}}, ["spec.template.metadata.labels.penstock.dev/pool"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_left_out_is_named(template: dict[str, Any], paths: list[str]) -> None:
    assert overridden(pool(template=template), SETTINGS) == paths


@pytest.mark.parametrize(
    "template",
    [
        None,
        {},
        {"metadata": {"labels": {"team": "shop"}, "annotations": {"a": "b"}}},
        {"spec": {"nodeSelector": {"disk": "fast"}, "terminationGracePeriodSeconds": 3600}},
        {"spec": {"securityContext": {"runAsNonRoot": True}, "volumes": [{"name": "x", "emptyDir": {}}]}},
        {"spec": {"containers": [{"name": "beside", "image": "mine:1"}]}},
        {"spec": {"volumes": [{"name": [None]}], "imagePullSecrets": [{"name": {}}]}},
        worker(env=[{"name": "A", "value": "b"}], resources={"requests": {"cpu": "1"}}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_counts_is_not(template: dict[str, Any] | None) -> None:
    assert overridden(pool(template=template), SETTINGS) == []

"""Pods that can't start: the pool names the cause in Kubernetes' words, nothing thrashes, and it recovers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.api import Objects
from tests.e2e.conftest import TASKS
from tests.e2e.kubectl import Kubectl
from tests.e2e.recording import Recording
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.figures import Figures
from tests.e2e.test_autoscale.fleet import Fleet
from tests.e2e.test_autoscale.pools import SOURCE, TEMPLATE, pool
from tests.e2e.test_autoscale.scale import Scale
from tests.waiting import outlast, wait_sync

TOLD_SECONDS = 60.0
MENDED_SECONDS = 120.0
MOST_WRITES = 3


@dataclass(frozen=True)
class Cause:
    """What is wrong with a pool, some words that Kubernetes has for it, and the change that mends it."""

    wrong: dict[str, Any]
    words: tuple[str, ...]
    mended: dict[str, Any]


NOWHERE = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "nodeSelector": {"penstock.dev/nowhere": "true"}}}
CAUSES = {
    "image": Cause({"image": "localhost/nowhere:0"}, ("ErrImagePull", "ImagePullBackOff"), {"image": None}),
    "crash": Cause({"app": "nothing:app"}, ("its log ends with",), {"app": "tasks:app"}),
    "node": Cause({"template": NOWHERE}, ("node affinity/selector",), {"template": {"spec": {"nodeSelector": None}}}),
}


@pytest.fixture
def cramped(cluster: Kubectl, namespace: Kubectl, proxied: int) -> Iterator[Fleet]:
    """A pool in a namespace of its own that may have no pods."""
    name = f"{namespace.namespace}-quota"
    cluster("create", "namespace", name)
    inside = cluster.within(name)
    inside("create", "quota", "none", "--hard=pods=0")
    inside("create", "configmap", SOURCE, f"--from-file=tasks.py={TASKS}")
    places = [Objects(proxied, name, *place) for place in (("/apis/apps/v1", "deployments"), ("/api/v1", "pods"))]
    with Recording(places[0]) as deployments, Recording(places[1]) as pods:
        inside.apply(pool("quota"))
        yield Fleet(inside, "quota", deployments, pods)
    cluster("delete", "namespace", name, "--timeout=90s")


def told(fleet: Fleet, words: tuple[str, ...]) -> bool:
    limited = fleet.condition("ScalingLimited")
    stuck = (limited.get("status"), limited.get("reason")) == ("True", "PodsCannotStart")
    return stuck and any(word in str(limited.get("message")) for word in words)


def test_the_cause_is_told_and_left_alone_until_it_is_mended(
    fleet: Fleets, cramped: Fleet, scale: Scale, figures: Figures
) -> None:
    stuck = {fleet(name, **cause.wrong): cause for name, cause in CAUSES.items()}
    for one in stuck:
        one.namespace.task(one.pool, "clocked", queue=one.pool)
    cramped.namespace.task("quota", "clocked", queue="quota")
    for one, cause in stuck.items():
        wait_sync(partial(told, one, cause.words), f"{cause.words} on {one.pool}", patience=TOLD_SECONDS)
    wait_sync(lambda: told(cramped, ("exceeded quota",)), "the quota on its pool", patience=TOLD_SECONDS)

    since = time.time()
    outlast(scale.watched, "a time in which little may be written")
    writes = {one.pool: one.generations(since) for one in (*stuck, cramped)}
    figures.add("pods that can't start: writes of the spec", seconds=scale.watched, **writes)
    assert max(writes.values()) <= MOST_WRITES, writes

    for one, cause in stuck.items():
        one.patch(**cause.mended)
    cramped.namespace("delete", "quota", "none")
    for one in (*stuck, cramped):
        assert one.namespace.finished(one.pool, timeout=int(MENDED_SECONDS))["phase"] == "Succeeded"
        one.says("ScalingLimited", "False")

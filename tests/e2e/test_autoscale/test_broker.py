"""The broker away: what isn't known is not zero."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.kubectl import Kubectl
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.scale import Scale
from tests.waiting import outlast

REDIS = "deploy/penstock-redis"
BACK_SECONDS = 60.0
IDLE_SECONDS = 5.0


@pytest.fixture
def redis(system: Kubectl) -> Iterator[Kubectl]:
    """The broker, which is there before and after."""
    yield system
    system("scale", REDIS, "--replicas=1")
    system("rollout", "status", REDIS, "--timeout=60s")


def test_the_count_is_held_or_raised_to_the_fallback_and_never_lowered(
    fleet: Fleets, redis: Kubectl, scale: Scale
) -> None:
    held = fleet("held", {"minReplicas": 2, "idleSeconds": IDLE_SECONDS})
    raised = fleet("raised", {"minReplicas": 1, "idleSeconds": IDLE_SECONDS, "fallback": {"replicas": 3}})
    above = fleet("above", {"minReplicas": 2, "idleSeconds": IDLE_SECONDS, "fallback": {"replicas": 1}})
    expected = {held: (2, "BrokerUnreachable"), raised: (3, "Fallback"), above: (2, "BrokerUnreachable")}
    for pool, least in ((held, 2), (raised, 1), (above, 2)):
        pool.ready(least)
    redis("scale", REDIS, "--replicas=0")
    for pool, (count, why) in expected.items():
        pool.says("BrokerReachable", "False")
        pool.decides(why)
        pool.reaches(count)
    for pool in expected:
        pool.patch(autoscaling={"minReplicas": 0})  # an empty queue would now be a reason to go to zero
    outlast(scale.outage + IDLE_SECONDS, "more than idleSeconds")
    assert [pool.replicas for pool in expected] == [count for count, _ in expected.values()]
    assert not any(pool.shrank() for pool in expected)
    redis("scale", REDIS, "--replicas=1")
    for pool in expected:
        pool.says("BrokerReachable", "True", patience=BACK_SECONDS)
        pool.reaches(0, patience=BACK_SECONDS)

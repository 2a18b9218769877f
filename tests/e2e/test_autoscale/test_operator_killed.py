"""The operator killed in the middle of scaling: the next one takes over where it was, and leaves nobody behind."""

from __future__ import annotations

import time

from tests.e2e.executions import judgement
from tests.e2e.node import Node
from tests.e2e.operator_pods import OperatorPods
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.driver import Driver
from tests.e2e.test_autoscale.fleet import Fleet
from tests.e2e.test_autoscale.scale import Scale
from tests.waiting import outlast, wait_sync

MOST = 4
PATIENCE = 90.0


def kill(node: Node, operator: OperatorPods) -> None:
    wait_sync(lambda: node.kill(operator.one().uid), "an operator to kill")


def test_while_it_scales_out(fleet: Fleets, driver: Driver, node: Node, operator: OperatorPods) -> None:
    pool = fleet("killed-out")
    pool.reaches(0)
    sent = driver.send("killed-out", *[1.0] * 16)
    wait_sync(lambda: pool.replicas, "the first worker to be asked for")
    kill(node, operator)
    driver.wait(sent)
    found = judgement(sent.ids, driver.executions(), pool.deleted())
    assert found.sound, found
    pool.reaches(0, patience=PATIENCE)


def test_while_it_scales_in(fleet: Fleets, driver: Driver, node: Node, operator: OperatorPods, scale: Scale) -> None:
    """At different moments after it has begun to choose; workers may be cordoned then."""
    pool = fleet("killed-in", {"minReplicas": 1, "maxReplicas": MOST, "scaleDown": {"stabilizationWindowSeconds": 0}})
    ids: list[str] = []
    for number in range(scale.kills):
        driver.keep("killed-in", 2 * MOST)
        pool.ready(MOST, patience=PATIENCE)
        pool.patch(autoscaling={"maxReplicas": 1})
        outlast(0.3 * (number + 1), "workers to be chosen")
        kill(node, operator)
        pool.ready(1, patience=PATIENCE)
        pool.patch(autoscaling={"maxReplicas": MOST})
        ids += _all_work(pool, driver)
    found = judgement(ids, driver.executions(), pool.deleted())
    assert found.sound, found


def _all_work(pool: Fleet, driver: Driver) -> list[str]:
    """Every worker that there is takes tasks: no cordon was left. The ids of all tasks so far."""
    pool.ready(MOST, patience=PATIENCE)
    since, pods = time.time(), pool.standing()
    assert len(pods) == MOST

    def idle() -> set[str]:
        return pods - {one.pod for one in driver.executions() if one.began >= since}

    wait_sync(lambda: not idle(), f"work for each of {pods}")
    return driver.kept("killed-in")

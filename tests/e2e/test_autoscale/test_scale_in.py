"""Workers go while tasks run all the time: idle ones, or such as were let finish first."""

from __future__ import annotations

import time

from tests.e2e.executions import judgement
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.driver import Driver
from tests.e2e.test_autoscale.figures import Figures
from tests.e2e.test_autoscale.fleet import Fleet
from tests.e2e.test_autoscale.scale import Scale

MOST = 5


def test_no_task_is_interrupted_by_many_scale_ins(
    fleet: Fleets, driver: Driver, scale: Scale, figures: Figures
) -> None:
    pool = fleet("waves", {"minReplicas": 1, "maxReplicas": MOST, "scaleDown": {"stabilizationWindowSeconds": 0}})
    driver.keep("waves", 1)
    began, wave = time.time(), 0
    while len(pool.deleted()) < scale.scale_ins:
        wave += 1
        _rise(pool, driver)
        (_fall_by_load if wave % 2 else _fall_by_limit)(pool, driver)
    ids = driver.kept("waves")
    found = judgement(ids, driver.executions(), pool.deleted())
    figures.add(
        "scale-in under load",
        scale_ins=len(pool.deleted()),
        waves=wave,
        tasks=found.tasks,
        interrupted=found.cut + found.repeated,
        busy_chosen=found.busy_chosen,
        seconds=time.time() - began,
    )
    assert found.sound, found


def _rise(pool: Fleet, driver: Driver) -> None:
    driver.keep("waves", 2 * MOST)
    pool.ready(MOST)


def _fall_by_load(pool: Fleet, driver: Driver) -> None:
    """Little is left to do."""
    driver.keep("waves", 1)
    pool.shrinks(1)


def _fall_by_limit(pool: Fleet, driver: Driver) -> None:
    """There is as much to do as before, and fewer are allowed to."""
    pool.patch(autoscaling={"maxReplicas": 2})
    pool.shrinks(2)
    pool.patch(autoscaling={"maxReplicas": MOST})

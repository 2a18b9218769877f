"""Pools that share a queue, and the workers that go when somebody scales a pool by hand."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.keys import task_id
from tests.e2e.api import Tasks
from tests.e2e.executions import judgement
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.driver import Driver
from tests.e2e.test_autoscale.fleet import Fleet
from tests.waiting import outlast, wait_sync

GONE_SECONDS = 2.0


def test_two_pools_split_the_backlog_of_their_queue(fleet: Fleets, driver: Driver) -> None:
    """Sixteen tasks, four a worker: two workers each, not four."""
    limits = {"maxReplicas": 6, "target": {"backlogPerReplica": 4}}
    both = [fleet(name, limits, queues=["shared"]) for name in ("left", "right")]
    for one in both:
        one.reaches(0)
    sent = driver.send("shared", *[3.0] * 16)
    for one in both:
        one.awakes()
    driver.wait(sent)
    most = [max(count for _, count in one.counts()) for one in both]
    assert all(1 <= count <= 3 for count in most), most
    assert sum(most) <= 5, most
    for one in both:
        one.reaches(0)
    found = judgement(sent.ids, driver.executions(), both[0].deleted() | both[1].deleted())
    assert found.sound, found


def test_by_hand_the_idle_ones_go_first(fleet: Fleets, driver: Driver) -> None:
    pool = _by_hand(fleet, "idle-first", 3)
    sent = driver.send("idle-first", 12.0)
    wait_sync(lambda: _workers(driver, sent.ids), "the task to run")
    [busy] = _workers(driver, sent.ids)
    pool.namespace("scale", "ppool/idle-first", "--replicas=1")
    pool.shrinks(1)
    outlast(GONE_SECONDS, "the third to be told as well, if it were")
    assert pool.standing() == {busy}
    driver.wait(sent)
    _assert_sound(pool, driver, sent.ids)


def test_by_hand_busy_ones_finish_first(fleet: Fleets, driver: Driver) -> None:
    pool = _by_hand(fleet, "finish", 3)
    sent = driver.send("finish", *[9.0] * 6)  # longer than the five seconds of a drain
    wait_sync(lambda: len(_workers(driver, sent.ids)) == 3, "all workers to be busy")
    pool.namespace("scale", "ppool/finish", "--replicas=1")
    driver.wait(sent)
    pool.shrinks(1)
    _assert_sound(pool, driver, sent.ids)


def test_by_hand_to_zero_the_last_one_finishes_first(fleet: Fleets, driver: Driver, tasks: Tasks) -> None:
    pool = _by_hand(fleet, "to-zero", 1)
    made = tasks.create("to-zero", {"task": "e2e.clocked", "queue": "to-zero", "args": [12.0]})
    ids = [task_id("to-zero", f"{made['metadata']['uid']}-1")]
    wait_sync(lambda: _workers(driver, ids), "the task to run")
    pool.namespace("scale", "ppool/to-zero", "--replicas=0")
    assert pool.namespace.finished("to-zero")["attempts"] == 1
    pool.shrinks(0)
    _assert_sound(pool, driver, ids)


def _by_hand(fleet: Fleets, name: str, replicas: int) -> Fleet:
    pool = fleet(name, {"mode": "Off"}, replicas=replicas)
    pool.ready(replicas)
    return pool


def _workers(driver: Driver, ids: Sequence[str]) -> set[str]:
    """The pods that run these."""
    return {one.pod for one in driver.executions() if one.id in ids}


def _assert_sound(pool: Fleet, driver: Driver, ids: Sequence[str]) -> None:
    found = judgement(ids, driver.executions(), pool.deleted())
    assert found.sound, found

"""From zero to several workers and back, and how long it takes to wake up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from penstock.keys import task_id
from tests.e2e.api import Tasks
from tests.e2e.executions import judgement
from tests.e2e.recording import Recording
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.driver import Driver
from tests.e2e.test_autoscale.figures import Figures, percentile, spread
from tests.e2e.test_autoscale.fleet import Fleet
from tests.e2e.test_autoscale.scale import Scale
from tests.waiting import wait_sync

HALF = 8  # of a burst, each way
RAISED_SECONDS = 0.5
BESIDE_SECONDS = 1.0  # all but the pod's start: being noticed, and being reported


@dataclass(frozen=True)
class Wake:
    """Moments of one: submitted, the count raised, the pod created, the function begun, the outcome known."""

    submitted: float
    raised: float
    created: float
    began: float
    complete: float

    @property
    def noticed(self) -> float:
        """Seconds until a worker was asked for."""
        return self.raised - self.submitted

    @property
    def start(self) -> float:
        """Seconds that the pod took, from its creation to its first claim."""
        return self.began - self.created

    @property
    def beside(self) -> float:
        """All other seconds until the outcome was known."""
        return self.complete - self.submitted - self.start


def test_bursts_are_worked_off_once_and_the_pool_sleeps_in_between(
    fleet: Fleets, driver: Driver, tasks: Tasks, scale: Scale
) -> None:
    pool = fleet("bursts")
    ids: list[str] = []
    for number in range(scale.bursts):
        pool.reaches(0)
        began = time.time()
        names = [f"burst-{number}-{one}" for one in range(HALF)]
        made = [tasks.create(name, {"task": "e2e.clocked", "queue": "bursts", "args": [1.0]}) for name in names]
        sent = driver.send("bursts", *[1.0] * HALF)
        driver.wait(sent)
        wait_sync(partial(_succeeded, tasks, names), "the Tasks of a burst to end", patience=60)
        ids += [*sent.ids, *(task_id("bursts", f"{task['metadata']['uid']}-1") for task in made)]
        assert max(count for _, count in pool.counts(began)) == 4
    pool.reaches(0)
    found = judgement(ids, driver.executions(), pool.deleted())
    assert found.sound, found


def test_a_task_straight_to_the_broker_wakes_a_pool(
    fleet: Fleets, driver: Driver, scale: Scale, figures: Figures
) -> None:
    pool = fleet("direct")
    sent: list[tuple[float, float, str]] = []
    for _ in range(scale.wake_ups):
        pool.sleeps()
        one = driver.send("direct", 0.0)
        sent.append((one.at, driver.wait(one)[0], one.ids[0]))
    began = {one.id: one.began for one in driver.executions()}
    _judge("direct", [_wake(pool, at, began[id], complete) for at, complete, id in sent], scale, figures)


def test_a_task_resource_wakes_a_pool(
    fleet: Fleets, driver: Driver, tasks: Tasks, scale: Scale, figures: Figures
) -> None:
    pool = fleet("resource")
    made: list[tuple[float, str]] = []
    with Recording(tasks) as recording:
        for number in range(scale.wake_ups):
            pool.sleeps()
            at, name = time.time(), f"wake-{number}"
            tasks.create(name, {"task": "e2e.clocked", "queue": "resource"})
            made.append((at, name))
            wait_sync(partial(_complete, recording, name), "the Task to end", patience=60)
    began = {one.id: one.began for one in driver.executions()}
    uids = {name: recording.last(name)["metadata"]["uid"] for _, name in made}
    wakes = [
        _wake(pool, at, began[task_id("resource", f"{uids[name]}-1")], _complete(recording, name)) for at, name in made
    ]
    _judge("resource", wakes, scale, figures)


def _wake(pool: Fleet, submitted: float, began: float, complete: float) -> Wake:
    created = min(at for at in pool.created().values() if at >= submitted)
    return Wake(submitted, pool.raised(submitted), created, began, complete)


def _judge(way: str, wakes: Sequence[Wake], scale: Scale, figures: Figures) -> None:
    noticed, beside = [wake.noticed for wake in wakes], [wake.beside for wake in wakes]
    for name, values in (("raised", noticed), ("beside", beside), ("pod_start", [wake.start for wake in wakes])):
        figures.add(f"wake-up, {way}", **spread(name, values))
    part = 0.99 if scale.full else 0.5  # of a few, one may meet a busy machine
    assert percentile(noticed, part) <= RAISED_SECONDS
    assert percentile(beside, part) <= BESIDE_SECONDS


def _complete(recording: Recording, name: str) -> float:
    """When it was seen to have succeeded; 0 where it wasn't yet."""
    ended = (one.at for one in recording.of(name) if one.body.get("status", {}).get("phase") == "Succeeded")
    return next(ended, 0.0)


def _succeeded(tasks: Tasks, names: Sequence[str]) -> bool:
    phases = {task["metadata"]["name"]: task.get("status", {}).get("phase") for task in tasks.list()["items"]}
    return all(phases[name] == "Succeeded" for name in names)

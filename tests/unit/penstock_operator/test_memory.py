"""An operator lives for weeks: what has come and gone leaves nothing behind, in who leads and in who stands by."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Iterator

import msgspec
import pytest

from penstock.kube import Manifest
from penstock.report import TASKS
from penstock_operator.admission.view import TaskView
from penstock_operator.pools.pods import Pods
from tests.unit.penstock_operator import pod_bodies
from tests.unit.penstock_operator.rig import NAMESPACE, TaskRig, task_rig

# PENSTOCK_OBJECTS=100000 takes some minutes.
OBJECTS = int(os.environ.get("PENSTOCK_OBJECTS", "2000"))
LEFT = 50  # bytes of each, where one takes some thousand


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def memory() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def task(number: int, **spec: object) -> Manifest:
    """Each in a queue of its own."""
    metadata = {
        **{"name": f"task-{number}", "namespace": NAMESPACE, "uid": f"uid-{number}"},
        **{"creationTimestamp": "2026-11-01T09:00:00Z", "generation": 1},
    }
    return {"metadata": metadata, "spec": {"task": "mail.send", "queue": f"queue-{number}", **spec}}


async def test_who_stands_by() -> None:
    rig = TaskRig()

    def come(first: int) -> None:
        for number in range(first, first + OBJECTS):
            body = task(number, dependsOn=[{"name": f"task-{number + 1}"}])
            rig.tasks.seen(TaskView.parse(msgspec.json.encode(body)))

    def go(first: int) -> None:
        for number in range(first, first + OBJECTS):
            rig.tasks.gone(f"uid-{number}")

    come(0)
    go(0)  # tables keep the size that they once had
    before = memory()
    come(OBJECTS)
    go(OBJECTS)
    assert memory() - before < LEFT * OBJECTS
    assert len(rig.tasks.queue) == 0


async def test_who_leads() -> None:
    async with task_rig() as rig:
        for first in (0, OBJECTS):
            before, numbers = memory(), range(first, first + OBJECTS)
            for number in numbers:
                await rig.kube.create(TASKS, NAMESPACE, task(number))
            await asyncio.wait_for(rig.tasks.queue.idle(), 600)
            for number in numbers:
                await rig.kube.delete(TASKS, NAMESPACE, f"task-{number}")
            await asyncio.wait_for(rig.tasks.queue.idle(), 600)
            rig.lose()  # what the broker and the API server remember isn't the operator's
            rig.kube.compact()
            rig.kube.requests.clear()
        assert memory() - before < LEFT * OBJECTS


def test_pods() -> None:
    pods = Pods()

    def come(first: int) -> None:
        for number in range(first, first + OBJECTS):
            labels = {"penstock.dev/pool": f"pool-{number}"}
            pods.seen(pod_bodies.view({"phase": "Running"}, uid=f"uid-{number}", labels=labels))

    def go(first: int) -> None:
        for number in range(first, first + OBJECTS):
            pods.gone(f"uid-{number}")

    come(0)
    go(0)
    before = memory()
    come(OBJECTS)
    go(OBJECTS)
    assert memory() - before < LEFT * OBJECTS

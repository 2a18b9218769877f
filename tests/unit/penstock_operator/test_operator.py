from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import aiohttp
import pytest

from penstock.kube import Manifest
from penstock.report import TASKS
from penstock_operator.api import DEPLOYMENTS, WORKER_POOLS
from penstock_operator.health import STUCK_SECONDS, Health
from penstock_operator.operator import Operator
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import NAMESPACE, SETTINGS
from tests.waiting import wait_for

POOL: Manifest = {
    "metadata": {"name": "fast"},
    "spec": {"app": "mail.tasks:app", "autoscaling": {"idleSeconds": 0}},
}


class Whole:
    """The operator over an API server in memory."""

    def __init__(self, beside: Whole | None = None) -> None:
        self.kube: FakeKube = beside.kube.twin() if beside else FakeKube()
        self.operator = Operator(self.kube, self.kube.twin(), replace(SETTINGS, pod=uuid.uuid4().hex))

    async def scaled_to(self, replicas: int) -> None:
        async def there() -> bool:
            found = await self.kube.get(DEPLOYMENTS, NAMESPACE, "fast-workers")
            return found is not None and found["spec"]["replicas"] == replicas

        await wait_for(there, f"{replicas} replicas", patience=5)


@pytest.fixture
async def whole() -> AsyncIterator[Whole]:
    whole = Whole()
    await whole.operator.start()
    yield whole
    for queue in (whole.operator.tasks.queue, whole.operator.pools.queue, whole.operator.queues.queue):
        await queue.idle()
    await whole.operator.stop()


async def test_a_task_wakes_its_pool(whole: Whole) -> None:
    await whole.kube.create(WORKER_POOLS, NAMESPACE, POOL)
    await whole.scaled_to(0)
    await whole.kube.create(TASKS, NAMESPACE, {"metadata": {"name": "a"}, "spec": {"task": "mail.send"}})
    await whole.scaled_to(1)
    await whole.kube.delete(TASKS, NAMESPACE, "a")
    await whole.scaled_to(0)


async def _ready(whole: Whole) -> bool:
    return whole.operator.ready


async def test_a_task_is_told_why_nobody_takes_it(whole: Whole) -> None:
    await whole.kube.create(WORKER_POOLS, NAMESPACE, POOL)
    task = {"metadata": {"name": "a"}, "spec": {"task": "mail.send", "queue": "mial"}}
    await whole.kube.create(TASKS, NAMESPACE, task)

    def message() -> str:
        status = whole.kube.the(TASKS, NAMESPACE, "a")["status"]
        return next((str(one["message"]) for one in status.get("conditions", ()) if one["type"] == "Admitted"), "")

    async def told() -> bool:
        return message() == "waits in queue mial; no WorkerPool of this namespace serves it: did you mean mail?"

    async def waits() -> bool:
        return message() == "waits in queue mial"

    await wait_for(told, "the Task to say so", patience=5)
    await whole.kube.merge(WORKER_POOLS, NAMESPACE, "fast", {"spec": {"queues": ["mail", "mial"]}})
    await wait_for(waits, "a pool to serve it", patience=5)


async def test_it_ends_in_order() -> None:
    whole = Whole()
    readiness: list[bool] = []
    await whole.operator.start()
    await wait_for(partial(_ready, whole), "all to be seen", patience=5)
    readiness.append(whole.operator.ready)
    await asyncio.wait_for(whole.operator.stop(), 5)
    readiness.append(whole.operator.ready)
    assert readiness == [True, False]
    assert whole.kube.closed


async def test_only_the_leader_acts() -> None:
    first = Whole()
    second = Whole(first)
    await first.operator.start()
    await wait_for(partial(_leads, first), "the first to lead", patience=5)
    await second.operator.start()
    await wait_for(partial(_ready, second), "the second to stand by", patience=5)
    user = first.kube.twin()
    await user.create(TASKS, NAMESPACE, {"metadata": {"name": "a"}, "spec": {"task": "mail.send", "suspend": True}})
    await wait_for(partial(_blocked, first, "a"), "the first to act", patience=5)
    assert not await _leads(second)
    await asyncio.wait_for(first.operator.stop(), 5)
    await wait_for(partial(_leads, second), "the second to lead", patience=1)
    await user.create(TASKS, NAMESPACE, {"metadata": {"name": "b"}, "spec": {"task": "mail.send", "suspend": True}})
    await wait_for(partial(_blocked, first, "b"), "the second to act", patience=5)
    await second.operator.stop()


async def test_no_loop_goes_on_after_its_term(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, sweeps = Whole(), set[int]()
    terms: list[int] = []

    async def fail() -> None:
        await asyncio.sleep(0.01)
        if len(terms) < 3:
            raise ValueError("a bug")
        await asyncio.Event().wait()

    async def sweep() -> None:
        terms.append(len(terms))
        sweeps.add(terms[-1])
        mine = terms[-1]
        try:
            await asyncio.Event().wait()
        finally:
            sweeps.discard(mine)

    monkeypatch.setattr(whole.operator._watch, "run", fail)
    monkeypatch.setattr(whole.operator._sweep, "run", sweep)
    await whole.operator.start()

    async def third() -> bool:
        return len(terms) == 3

    await wait_for(third, "the third term", patience=10)
    assert sweeps == {2}
    await whole.operator.stop()
    assert sweeps == set()


async def _leads(whole: Whole) -> bool:
    return whole.operator.leader.valid


async def _blocked(whole: Whole, name: str) -> bool:
    return bool(whole.kube.the(TASKS, NAMESPACE, name)["status"]["phase"] == "Blocked")


async def test_a_dead_loop_shows(whole: Whole) -> None:
    assert not whole.operator.stuck()
    loop = whole.operator._loops[0]
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert whole.operator.stuck()


async def test_the_probes_tell(whole: Whole) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    health = Health(whole.operator, port)
    await health.start()

    async def ask(path: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status

    async def alive() -> bool:
        return await ask("/healthz") == 200

    try:
        await wait_for(alive, "the first pulse", patience=5)
        assert await ask("/readyz") == 200
        whole.operator.ready = False
        assert await ask("/readyz") == 503
        whole.operator.last_pulse = time.monotonic() - STUCK_SECONDS - 1
        assert await ask("/healthz") == 500
    finally:
        await health.stop()

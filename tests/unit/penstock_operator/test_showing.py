"""The whole operator, as far as others may look into it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import msgspec
import pytest

from penstock.explanation import Explanation, path
from penstock.report import TASKS
from penstock_operator.api import EVENTS, WORKER_POOLS
from tests.unit.penstock_operator import test_operator
from tests.unit.penstock_operator.rig import NAMESPACE, SETTINGS
from tests.unit.penstock_operator.test_operator import POOL, Whole
from tests.waiting import wait_for


@pytest.fixture
async def whole(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Whole, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    monkeypatch.setattr(test_operator, "SETTINGS", replace(SETTINGS, api_port=port))
    whole = Whole()
    surface = whole.operator.surface()
    await whole.operator.start()
    await surface.start()
    yield whole, port
    await surface.stop()
    for queue in (whole.operator.tasks.queue, whole.operator.pools.queue, whole.operator.queues.queue):
        await queue.idle()
    await whole.operator.stop()


async def test_a_woken_pool_explains_itself(whole: tuple[Whole, int]) -> None:
    one, port = whole
    await one.kube.create(WORKER_POOLS, NAMESPACE, POOL)
    await one.scaled_to(0)
    await one.kube.create(TASKS, NAMESPACE, {"metadata": {"name": "a"}, "spec": {"task": "mail.send"}})
    await one.scaled_to(1)

    async def told() -> bool:
        return any(event["reason"] == "ScaledOut" for event in one.kube.stored(EVENTS))

    await wait_for(told, "an Event", patience=5)
    url = f"http://127.0.0.1:{port}{path(NAMESPACE, 'fast')}"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.get(url) as answer:
            explanation = msgspec.json.decode(await answer.read(), type=Explanation)
        async with session.get(f"{url}/signals") as answer:
            signals = await answer.json()
    assert explanation.decision is not None
    assert (explanation.decision.replicas, explanation.decision.reason) == (1, "Backlog")
    assert explanation.timeline.samples[-1].replicas == 1
    assert (signals["backlog"], signals["desiredReplicas"]) == (1, 1)
    figures = one.operator.figures()
    assert figures.leading
    assert [view.key for view in figures.pools] == [(NAMESPACE, "fast")]
    assert (NAMESPACE, "mail") in figures.queues


async def test_who_does_not_lead_shows_nothing() -> None:
    figures = Whole().operator.figures()
    assert (figures.leading, figures.pools, figures.queues, figures.decided) == (False, (), {}, ())

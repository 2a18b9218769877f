from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.errors import NotConnected
from penstock.stopping import stopped
from penstock_operator import leader_label
from penstock_operator.api import PODS
from penstock_operator.leader_label import LABEL, LeaderLabel
from tests.unit.fake_kube import FakeKube
from tests.waiting import wait_for

LEASE = "penstock-operator"
NAMESPACE = "penstock-system"


@pytest.fixture
async def kube() -> FakeKube:
    kube = FakeKube()
    worn = {"new": None, "old": LEASE, "older": LEASE, "shard": "penstock-b-operator"}
    for name, lease in worn.items():
        labels = {"app": "operator"} | ({LABEL: lease} if lease else {})
        await kube.create(PODS, NAMESPACE, {"metadata": {"name": name, "labels": labels}})
    return kube


def wearing(kube: FakeKube) -> dict[str, str]:
    pods = {pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in kube.stored(PODS)}
    assert all(labels["app"] == "operator" for labels in pods.values())
    return {name: labels[LABEL] for name, labels in pods.items() if LABEL in labels}


@asynccontextmanager
async def worn(kube: FakeKube, name: str = "new") -> AsyncIterator[None]:
    label = asyncio.create_task(LeaderLabel(kube, (NAMESPACE, name), LEASE).worn())
    try:
        yield
    finally:
        await stopped(label)


SHARD = {"shard": "penstock-b-operator"}


async def test_the_leader_alone_wears_it_and_takes_it_off_when_it_ends(kube: FakeKube) -> None:
    async with worn(kube):

        async def alone() -> bool:
            return wearing(kube) == {"new": LEASE, **SHARD}

        await wait_for(alone, "the others to lose it, but for another release's", patience=5)
    assert "new" not in wearing(kube)


async def test_what_a_process_that_was_killed_left_is_taken_off(kube: FakeKube) -> None:
    await LeaderLabel(kube, (NAMESPACE, "old"), LEASE).take_off()
    assert wearing(kube) == {"older": LEASE, **SHARD}


async def test_it_tries_again(kube: FakeKube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_label, "AGAIN_SECONDS", 0.01)
    kube.refuse = lambda _method, _path: NotConnected("away")

    async def tried() -> bool:
        return len(kube.requests) > 6

    async def on() -> bool:
        return wearing(kube).get("new") == LEASE

    async with worn(kube):
        await wait_for(tried, "some tries", patience=5)
        kube.refuse = lambda _method, _path: None
        await wait_for(on, "the label", patience=5)


async def test_outside_of_a_pod_there_is_nothing_to_label(kube: FakeKube) -> None:
    before = len(kube.requests)
    async with worn(kube, ""):
        await asyncio.sleep(0)
    assert len(kube.requests) == before


async def test_a_pod_that_is_gone_is_no_error(kube: FakeKube) -> None:
    await LeaderLabel(kube, (NAMESPACE, "gone"), LEASE).take_off()
    assert wearing(kube).keys() == {"old", "older", "shard"}

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import msgspec
import pytest

from penstock.explanation import Change, Explanation, path
from penstock.resources.autoscaling import Mode
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.timeline import Timelines
from penstock_operator.surface.server import Surface
from tests.unit.penstock_operator.views import DECISION, FAST, Pools

AT = 1_800_000_000.0


@dataclass
class Served:
    """A surface on a port of its own."""

    pools: Pools
    timelines: Timelines
    port: int
    leads: bool = True

    async def get(self, way: str) -> tuple[int, bytes]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{way}") as answer:
            return answer.status, await answer.read()

    async def json(self, way: str) -> tuple[int, Any]:
        status, body = await self.get(way)
        return status, msgspec.json.decode(body)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    served = Served(Pools(), Timelines(), port)
    surface = Surface(served.pools, served.timelines, lambda: served.leads, port)
    await surface.start()
    yield served
    await surface.stop()


async def test_a_pool_with_its_last_hour(served: Served) -> None:
    served.timelines.add(FAST.key, AT, Decision(0, "Idle", "nothing to do"), FAST.signals)
    served.timelines.add(FAST.key, AT + 1, DECISION, FAST.signals)
    status, body = await served.get(path("shop", "fast"))
    assert status == 200
    told = msgspec.json.decode(body, type=Explanation)
    assert (told.namespace, told.name, told.mode, told.queues) == ("shop", "fast", "Auto", ("mail",))
    assert (told.bounds.min, told.bounds.max, told.bounds.spec) == (0, 10, 1)
    assert told.decision == told.would
    assert told.decision is not None
    assert (told.decision.replicas, told.decision.reason, told.decision.inputs) == (3, "Backlog", DECISION.inputs)
    assert told.work is not None
    assert (told.work.backlog, told.work.oldest_seconds, told.work.service_seconds) == (26, 3.5, 0.5)
    assert (told.fleet.ready, told.fleet.busy) == (2, 2)
    assert [sample.replicas for sample in told.timeline.samples] == [3]
    assert told.timeline.changes == (Change(AT + 1, 0, 3, "Backlog", DECISION.message),)


async def test_the_json_is_in_camel_case_and_says_from(served: Served) -> None:
    served.timelines.add(FAST.key, AT, Decision(0, "Idle", "nothing to do"), FAST.signals)
    served.timelines.add(FAST.key, AT + 1, DECISION, FAST.signals)
    _, told = await served.json(path("shop", "fast"))
    assert told["work"]["oldestSeconds"] == 3.5
    assert told["timeline"]["stepSeconds"] == 15
    assert told["timeline"]["changes"][0]["from"] == 0


async def test_what_is_unknown_is_null(served: Served) -> None:
    served.pools.known.append(replace(FAST, name="new", decision=None, would=None))
    _, dark = await served.json(path("shop", "dark"))
    assert dark["work"] is None
    _, new = await served.json(path("shop", "new"))
    assert (new["decision"], new["would"], new["timeline"]["samples"]) == (None, None, [])


async def test_flat_figures_for_other_scalers(served: Served) -> None:
    external = Decision(1, "ModeExternal", "spec.replicas counts")
    served.pools.known[0] = replace(FAST, mode=Mode.EXTERNAL, decision=external)
    assert await served.json(f"{path('shop', 'fast')}/signals") == (
        200,
        {
            "backlog": 26.0,
            "waiting": 20.0,
            "due": 2.0,
            "barred": 0.0,
            "inFlight": 6.0,
            "oldestSeconds": 3.5,
            "arrivalRate": 4.25,
            "serviceSeconds": 0.5,
            "replicas": 3,
            "ready": 2,
            "busy": 2,
            "desiredReplicas": 3,
        },
    )


async def test_unknown_figures_are_an_error_that_says_what_to_look_at(served: Served) -> None:
    status, told = await served.json(f"{path('shop', 'dark')}/signals")
    assert (status, told["reason"]) == (503, "Unknown")
    for word in ("shop/dark", "dark, darker", "unknown is not zero", "BrokerReachable"):
        assert word in told["message"]


@pytest.mark.parametrize("of", ["", "/signals"])
async def test_who_does_not_lead_says_so(served: Served, of: str) -> None:
    served.leads = False
    status, told = await served.json(path("shop", "fast") + of)
    assert (status, told["reason"]) == (503, "NotLeading")


@pytest.mark.parametrize("of", ["", "/signals"])
async def test_a_pool_that_is_not_there_is_named(served: Served, of: str) -> None:
    status, told = await served.json(path("other", "fast") + of)
    assert (status, told["reason"]) == (404, "NoSuchPool")
    assert "'fast' in namespace 'other'" in told["message"]
    assert "kubectl get ppool -n other" in told["message"]


async def test_metrics_are_off_unless_asked_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_METRICS_EXPORTER", raising=False)
    status, told = await served.get("/metrics")
    assert status == 404
    assert b"operator.metrics.exporters" in told


async def test_it_is_read_only(served: Served) -> None:
    url = f"http://127.0.0.1:{served.port}{path('shop', 'fast')}"
    async with aiohttp.ClientSession() as session, session.post(url) as answer:
        assert answer.status == 405

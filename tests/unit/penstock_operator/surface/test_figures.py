from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from penstock.telemetry import Metric
from penstock_operator.surface.figures import Figures, Glimpse, register
from tests.unit.penstock_operator.views import Pools

MAIL = ("shop", "mail")
FAST = ("shop", "fast")


@dataclass
class Scraped:
    """What Prometheus reads."""

    figures: Figures = field(default_factory=Figures)

    async def page(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Values by the metric's name and its labels' values, the scope's aside."""
        text = await asyncio.to_thread(generate_latest)
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                labels = {name: value for name, value in sample.labels.items() if not name.startswith("otel")}
                found.setdefault(sample.name, {})[tuple(labels.values())] = sample.value
        return found


@pytest.fixture
async def scraped() -> AsyncIterator[Scraped]:
    scraped = Scraped()
    reader = PrometheusMetricReader()
    provider = MeterProvider([reader])
    glimpse = Glimpse(lambda: scraped.figures)
    register(provider.get_meter("test"), glimpse)
    yield scraped
    await asyncio.to_thread(provider.shutdown)
    assert "penstock_operator_leading" not in generate_latest(REGISTRY).decode()


def leading() -> Figures:
    pools = Pools()
    decided = ((FAST, "Backlog", 4), (FAST, "Idle", 2))
    return Figures(True, tuple(pools.views()), pools.looked_at(), decided, 7, {("tasks", "shop"): 3})


async def test_pools_and_queues(scraped: Scraped) -> None:
    scraped.figures = leading()
    page = await scraped.page()
    assert page["penstock_pool_replicas"] == {FAST: 3, ("shop", "dark"): 3}
    assert page["penstock_pool_replicas_desired"][FAST] == 3
    assert page["penstock_pool_replicas_ready"][FAST] == 2
    assert page["penstock_pool_replicas_busy"][FAST] == 2
    assert page["penstock_pool_arrival_rate_per_second"] == {FAST: 4.25}
    assert page["penstock_pool_oldest_seconds"] == {FAST: 3.5}
    assert page["penstock_pool_backlog"] == {FAST: 26}
    assert page["penstock_pool_in_flight"] == {FAST: 6}
    assert page["penstock_queue_waiting_tasks"] == {MAIL: 22}
    assert page["penstock_queue_dead_letters"] == {MAIL: 1}
    assert page["penstock_pool_decisions_total"] == {(*FAST, "Backlog"): 4, (*FAST, "Idle"): 2}
    assert page["penstock_operator_invalid_objects"] == {("shop", "tasks"): 3}
    assert (page["penstock_operator_leading"], page["penstock_operator_events_dropped_total"]) == ({(): 1}, {(): 7})


async def test_unknown_is_absent(scraped: Scraped) -> None:
    scraped.figures = leading()
    page = await scraped.page()
    assert page["penstock_pool_waiting_tasks"].keys() == {FAST}
    assert page["penstock_queue_waiting_tasks"].keys() == {MAIL}


async def test_who_does_not_lead_knows_of_no_pool(scraped: Scraped) -> None:
    page = await scraped.page()
    assert page["penstock_operator_leading"] == {(): 0}
    assert not [name for name in page if "pool" in name or "queue" in name]


async def test_every_name_of_the_operator_is_in_use(scraped: Scraped) -> None:
    scraped.figures = leading()
    page = await scraped.page()
    for metric in Metric:
        if not metric.startswith("penstock.worker."):
            name = metric.replace(".", "_")
            assert any(found.startswith(name) for found in page), metric


async def test_a_loop_that_is_gone_is_no_hindrance() -> None:
    async def made() -> Glimpse:
        return Glimpse(Figures)

    glimpse = await asyncio.to_thread(asyncio.run, made())  # on a loop of its own, which has ended
    assert await asyncio.to_thread(glimpse) is None

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import metrics as api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from penstock.definition import Definition, Options
from penstock.retry import Retry
from penstock.telemetry import Metric
from penstock.worker import Settings, Worker, metrics
from tests.unit.penstock.worker.brokers import FlakyBroker, message
from tests.waiting import wait_for


class Readings:
    """The metrics as they are exported."""

    def __init__(self, reader: InMemoryMetricReader) -> None:
        self._reader = reader

    def of(self, metric: Metric) -> dict[str, float]:
        """Values by their last attribute, which tells them apart here."""
        data = self._reader.get_metrics_data()
        assert data is not None
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == metric]
        points = [point for m in found for point in m.data.data_points if isinstance(point, NumberDataPoint)]
        return {str(list((point.attributes or {}).values())[-1]): point.value for point in points}


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Readings]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(api, "get_meter", provider.get_meter)
    metrics._workers.clear()
    metrics._instruments.cache_clear()
    yield Readings(reader)
    metrics._instruments.cache_clear()
    provider.shutdown()


async def add(number: int = 1) -> int:
    if number < 0:
        raise Retry(delay=3600)
    await asyncio.sleep(0.01)
    return number


async def settled(broker: FlakyBroker, count: int) -> None:
    async def enough() -> bool:
        return sum(map(len, broker.settled)) >= count and (await broker.depth(["mail"]))["mail"].in_flight == 0

    await wait_for(enough, f"{count} attempts to be settled")


def worker(broker: FlakyBroker) -> Worker:
    tasks = {"shop.send": Definition("shop.send", add, Options("mail"))}
    return Worker(tasks, broker, Settings(["mail"], concurrency=4, drain_seconds=1))


async def test_attempts_are_counted_by_what_became_of_them(readings: Readings) -> None:
    broker = FlakyBroker()
    async with worker(broker):
        await broker.send([message("1"), message("2")])
        await settled(broker, 2)
        assert readings.of(Metric.ATTEMPTS) == {"Succeeded": 2}
        assert 0.02 <= readings.of(Metric.RUN_TIME)["Succeeded"] < 5
        assert 0 <= readings.of(Metric.WAIT_TIME)["Succeeded"] < 5


async def test_places(readings: Readings) -> None:
    async with worker(FlakyBroker()):
        found = readings.of(Metric.PLACES)
        assert found["busy"] + found["free"] == 4


async def test_calls_that_are_not_answered(readings: Readings) -> None:
    broker = FlakyBroker()
    broker.outages["claim"] = 2
    broker.outages["settle"] = 1
    async with worker(broker):
        await broker.send([message("1")])
        await settled(broker, 1)
        found = readings.of(Metric.FAILURES)
    assert (found["claim"], found["settle"]) == (2, 1)


async def test_two_workers_of_a_process_are_read_together_and_a_gone_one_no_more(readings: Readings) -> None:
    async with worker(FlakyBroker()), worker(FlakyBroker()):
        assert len(list(metrics._workers)) == 2

"""The worker as a whole where its parts meet; tests/tutorial has what it does on a good day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import structs

from penstock.broker.protocol import Snapshot
from penstock.definition import Definition, Options
from penstock.envelope import VERSION, Envelope, ResourceRef
from penstock.outcome import Outcome
from penstock.retry import Retry
from penstock.standing import Standing
from penstock.status import Phase
from penstock.worker import Settings, Worker
from penstock.worker import intake as intake_module
from penstock.worker.reporter import Reporter
from tests.unit.penstock.worker.brokers import FlakyBroker, message
from tests.waiting import wait_for

LEASE = 0.2


class Reports:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.news: list[tuple[str, Standing]] = []
        self.drained = False

    def standing(self, envelope: Envelope, standing: Standing) -> None:
        self.news.append((envelope.id, standing))

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes += outcomes

    async def drain(self, seconds: float) -> None:
        self.drained = True


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FlakyBroker:
    monkeypatch.setattr(intake_module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(intake_module, "WAIT_SECONDS", 0.05)
    return FlakyBroker()


@asynccontextmanager
async def working(
    broker: FlakyBroker,
    function: Callable[..., Any],
    reporter: Reporter | None = None,
    *,
    concurrency: int = 1,
    name: str = "shop.send",
) -> AsyncIterator[Worker]:
    settings = Settings(["mail"], concurrency, LEASE, drain_seconds=1.0, name="pod-1")
    definition = Definition(name, function, Options("mail"))
    async with Worker({name: definition}, broker, settings, reporter) as worker:
        yield worker


async def snapshot(broker: FlakyBroker, id: str = "mail/1") -> Snapshot:
    [found] = await broker.snapshots([id])
    assert found is not None
    return found


async def ended(broker: FlakyBroker, id: str = "mail/1", patience: float = 5) -> Outcome:
    async def has() -> bool:
        return (await snapshot(broker, id)).outcome is not None

    await wait_for(has, f"{id} to end", patience=patience)
    outcome = (await snapshot(broker, id)).outcome
    assert outcome is not None
    return outcome


async def fine() -> str:
    return "fine"


async def test_a_task_runs_to_its_outcome(broker: FlakyBroker) -> None:
    await broker.send([message("1")])
    async with working(broker, fine):
        outcome = await ended(broker)
    assert (outcome.phase, outcome.result, outcome.worker, outcome.attempts) == (Phase.SUCCEEDED, b'"fine"', "pod-1", 1)
    assert outcome.started_at is not None
    assert outcome.queued_at is not None
    assert outcome.queued_at <= outcome.started_at <= outcome.finished_at


async def test_only_resources_are_reported(broker: FlakyBroker) -> None:
    reports = Reports()
    ref = ResourceRef("shop", "welcome", "uid-1")
    await broker.send([message("1"), structs.replace(message("2"), resource=ref)])
    async with working(broker, fine, reports):
        await ended(broker, "mail/1")
        await ended(broker, "mail/2")
    assert [outcome.resource for outcome in reports.outcomes] == [ref]
    assert reports.drained


async def test_an_unknown_name_waits_for_a_worker_that_knows_it(broker: FlakyBroker) -> None:
    reports = Reports()
    await broker.send([message("1", task="shop.other")])
    async with working(broker, fine, reports):

        async def parked() -> bool:
            return (await broker.depth(["mail"]))["mail"].parked == 1

        await wait_for(parked, "the task to be parked", patience=5)
    found = await snapshot(broker)
    assert (found.phase, found.attempts) == (Phase.QUEUED, 0)
    assert (await broker.depth(["mail"]))["mail"].backlog == 0
    [(id, standing)] = reports.news
    assert (id, standing.reason) == ("mail/1", "Parked")
    async with working(broker, fine, name="shop.other"):
        assert (await ended(broker)).phase is Phase.SUCCEEDED


async def test_what_cannot_be_understood_is_dead_lettered_and_its_place_is_free_again(broker: FlakyBroker) -> None:
    await broker.send([structs.replace(message("1"), v=VERSION + 1)])
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.DEAD_LETTERED
        await broker.send([message("2")])
        assert (await ended(broker, "mail/2")).phase is Phase.SUCCEEDED


async def test_what_a_dead_worker_left_is_taken_over(broker: FlakyBroker) -> None:
    await broker.send([message("1")])
    await broker.begin(await broker.claim("mail", "dead", 1), "dead", "pod-0", max_crashes=3)
    async with working(broker, fine):
        outcome = await ended(broker)
    assert (outcome.phase, outcome.attempts, outcome.worker) == (Phase.SUCCEEDED, 2, "pod-1")


async def test_a_task_longer_than_its_lease_keeps_it(broker: FlakyBroker) -> None:
    runs: list[float] = []
    release = asyncio.Event()

    async def long() -> None:
        runs.append(time.monotonic())
        await release.wait()

    await broker.send([message("1")])
    async with working(broker, long):

        async def outlived() -> bool:
            return bool(runs) and time.monotonic() - runs[0] > 2 * LEASE

        await wait_for(outlived, "two lease periods")
        release.set()
        await ended(broker)
    assert len(runs) == 1


async def test_an_outage_at_the_end_loses_no_outcome(broker: FlakyBroker) -> None:
    broker.outages["settle"] = 2
    await broker.send([message("1")])
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.SUCCEEDED


async def test_an_outage_at_the_start_costs_no_place(broker: FlakyBroker) -> None:
    broker.outages["begin"] = 1
    await broker.send([message("1")])
    async with working(broker, fine):
        assert (await ended(broker, patience=5 * LEASE)).phase is Phase.SUCCEEDED


async def test_an_outage_while_taking_over_does_not_end_taking_over(broker: FlakyBroker) -> None:
    await broker.send([message("1"), message("2")])
    await broker.begin(await broker.claim("mail", "dead", 2), "dead", "pod-0", max_crashes=3)
    broker.outages["begin"] = 1
    async with working(broker, fine, concurrency=8):
        assert (await ended(broker, patience=8 * LEASE)).phase is Phase.SUCCEEDED


async def test_a_function_that_raises_cancelled_error_has_failed(broker: FlakyBroker) -> None:
    async def waits_for_a_cancelled_one() -> None:
        inner = asyncio.create_task(asyncio.Event().wait())
        inner.cancel()
        await inner

    await broker.send([message("1")])
    async with working(broker, waits_for_a_cancelled_one):

        async def retrying() -> bool:
            return (await snapshot(broker)).phase is Phase.RETRYING

        await wait_for(retrying, "the failed attempt to be settled", patience=2 * LEASE)


async def test_a_function_whose_exception_cannot_be_printed_has_failed(broker: FlakyBroker) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    async def mute() -> None:
        raise Mute

    await broker.send([message("1")])
    async with working(broker, mute):

        async def retrying() -> bool:
            return (await snapshot(broker)).phase is Phase.RETRYING

        await wait_for(retrying, "the failed attempt to be settled", patience=2 * LEASE)


async def test_a_running_task_is_cancelled(broker: FlakyBroker) -> None:
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    await broker.send([message("1")])
    async with working(broker, endless):
        await asyncio.wait_for(begun.wait(), 5)
        asked = Outcome(id="mail/1", task="shop.send", phase=Phase.CANCELLED, finished_at=time.time())
        await broker.cancel(asked, reason="user", life=60.0)
        assert (await ended(broker)).phase is Phase.CANCELLED


async def test_a_task_that_is_cancelled_between_two_workers_is_not_begun(broker: FlakyBroker) -> None:
    await broker.send([message("1")])
    await broker.begin(await broker.claim("mail", "dead", 1), "dead", "pod-0", max_crashes=3)
    asked = Outcome(id="mail/1", task="shop.send", phase=Phase.CANCELLED, finished_at=time.time())
    await broker.cancel(asked, reason="user", life=60.0)
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.CANCELLED


async def test_a_task_that_killed_its_workers_is_dead_lettered(broker: FlakyBroker) -> None:
    await broker.send([message("1")])
    deliveries = await broker.claim("mail", "dead", 1)
    for number in range(4):
        await broker.begin(deliveries, "dead", f"pod-{number}", max_crashes=9)
    async with working(broker, fine):
        outcome = await ended(broker)
    assert (outcome.phase, outcome.failure and outcome.failure.type) == (Phase.DEAD_LETTERED, "WorkerCrashed")


async def test_a_task_whose_deadline_has_passed_is_not_begun(broker: FlakyBroker) -> None:
    runs: list[int] = []
    await broker.send([structs.replace(message("1"), deadline=time.time() - 1)])
    async with working(broker, lambda: runs.append(1)):
        outcome = await ended(broker)
    assert (outcome.phase, outcome.failure and outcome.failure.type) == (Phase.FAILED, "DeadlineExceeded")
    assert runs == []


async def test_a_long_wait_for_the_next_attempt_is_told(broker: FlakyBroker) -> None:
    async def broken() -> None:
        raise Retry(60.0, "rate limited")

    reports = Reports()
    await broker.send([message("1")])
    async with working(broker, broken, reports):

        async def told() -> bool:
            return bool(reports.news)

        await wait_for(told, "the report", patience=5)
    [(_, standing)] = reports.news
    assert (standing.phase, standing.message) == (Phase.RETRYING, "again in 60 s after Retry: rate limited")


async def test_a_worker_that_lost_its_lease_settles_nothing(broker: FlakyBroker) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def long() -> str:
        begun.set()
        await release.wait()
        return "too late"

    reports = Reports()
    ref = ResourceRef("shop", "welcome", "uid-1")
    await broker.send([structs.replace(message("1"), resource=ref)])
    async with working(broker, long, reports) as worker:
        await asyncio.wait_for(begun.wait(), 5)
        [taken] = await broker.reclaim("mail", "other", 1, lease=0.0)
        await broker.begin([taken], "other", "pod-2", max_crashes=9)

        async def stopped() -> bool:
            return worker.busy == 0

        await wait_for(stopped, "the fenced attempt to be stopped", patience=5)
    found = await snapshot(broker)
    assert (found.phase, found.worker) == (Phase.RUNNING, "pod-2")
    assert reports.outcomes == []

"""The worker as a whole where its parts meet; tests/tutorial has what it does on a good day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import structs

from penstock import TaskContext, codec
from penstock.broker.messages import Lease, QueueConfig, Settlement, Snapshot, Verb
from penstock.broker.messages import Limits as QueueLimits
from penstock.definition import Definition, Options
from penstock.envelope import VERSION, ResourceRef, with_payload
from penstock.errors import ConfigurationError
from penstock.outcome import Outcome
from penstock.retry import Retry
from penstock.status import Phase
from penstock.worker import Limits, Settings, Worker
from penstock.worker import intake as intake_module
from penstock.worker import upkeep as upkeep_module
from penstock.worker import worker as module
from penstock.worker.reporter import Reporter
from tests.unit.penstock.worker.bench import LEASE, Reports
from tests.unit.penstock.worker.brokers import DEAD, OTHER, FlakyBroker, abandoned, begun, message, taken
from tests.waiting import wait_for


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FlakyBroker:
    monkeypatch.setattr(intake_module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(intake_module, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "PULSE_SECONDS", 0.01)
    return FlakyBroker()


@asynccontextmanager
async def working(
    broker: FlakyBroker,
    function: Callable[..., Any],
    reporter: Reporter | None = None,
    *,
    concurrency: int = 1,
    name: str = "shop.send",
    max_tasks: int | None = None,
    drain_seconds: float = 1.0,
) -> AsyncIterator[Worker]:
    settings = Settings(["mail"], concurrency, LEASE, drain_seconds, name="pod-1", limits=Limits(max_tasks))
    definition = Definition(name, function, Options("mail"))
    async with Worker({name: definition}, broker, settings, reporter) as worker:
        yield worker


async def snapshot(broker: FlakyBroker, id: str = "mail.1") -> Snapshot:
    [found] = await broker.snapshots([id])
    assert found is not None
    return found


async def ended(broker: FlakyBroker, id: str = "mail.1", patience: float = 5) -> Outcome:
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


@pytest.mark.parametrize("before", [True, False])  # whether the tasks wait already when the worker comes
async def test_lost_answers_to_claims_count_as_nothing(broker: FlakyBroker, before: bool) -> None:
    broker.lost["claim"] = 4
    runs: list[str] = []

    async def noted(name: str) -> None:
        runs.append(name)

    calls = [with_payload(message(name), codec.encode_call([name], {})) for name in ("1", "2", "3")]
    if before:
        await broker.send(calls)
    async with working(broker, noted, concurrency=4):
        await broker.send(calls)
        for number in (1, 2, 3):
            outcome = await ended(broker, f"mail.{number}")
            assert (outcome.phase, outcome.attempts) == (Phase.SUCCEEDED, 1)
    assert sorted(runs) == ["1", "2", "3"]
    assert broker.lost["claim"] < 4


async def test_only_resources_are_reported(broker: FlakyBroker) -> None:
    reports = Reports()
    ref = ResourceRef("shop", "welcome", "uid-1")
    await broker.send([message("1"), structs.replace(message("2"), resource=ref)])
    async with working(broker, fine, reports):
        await ended(broker, "mail.1")
        await ended(broker, "mail.2")
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
    assert (id, standing.reason) == ("mail.1", "Parked")
    async with working(broker, fine, name="shop.other"):
        assert (await ended(broker)).phase is Phase.SUCCEEDED


async def test_what_cannot_be_understood_is_dead_lettered_and_its_place_is_free_again(broker: FlakyBroker) -> None:
    await broker.send([structs.replace(message("1"), v=VERSION + 1)])
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.DEAD_LETTERED
        await broker.send([message("2")])
        assert (await ended(broker, "mail.2")).phase is Phase.SUCCEEDED


async def test_what_a_dead_worker_left_is_taken_over(broker: FlakyBroker) -> None:
    await begun(broker, claimer=DEAD)
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
    broker.outages["claim"] = 1
    await broker.send([message("1")])
    async with working(broker, fine):
        assert (await ended(broker, patience=5 * LEASE)).phase is Phase.SUCCEEDED


async def test_an_outage_while_taking_over_does_not_end_taking_over(broker: FlakyBroker) -> None:
    await begun(broker, "1", DEAD)
    await begun(broker, "2", DEAD)
    broker.outages["reclaim"] = 1
    async with working(broker, fine, concurrency=8):
        for id in ("mail.1", "mail.2"):
            assert (await ended(broker, id, patience=16 * LEASE)).phase is Phase.SUCCEEDED


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
        asked = Outcome(id="mail.1", task="shop.send", phase=Phase.CANCELLED, finished_at=time.time())
        await broker.cancel(asked, reason="user", life=60.0)
        assert (await ended(broker)).phase is Phase.CANCELLED


async def test_a_task_that_is_cancelled_between_two_workers_is_not_begun(broker: FlakyBroker) -> None:
    await begun(broker, claimer=DEAD)
    asked = Outcome(id="mail.1", task="shop.send", phase=Phase.CANCELLED, finished_at=time.time())
    await broker.cancel(asked, reason="user", life=60.0)
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.CANCELLED


async def test_a_task_that_killed_its_workers_is_dead_lettered(broker: FlakyBroker) -> None:
    await abandoned(broker, times=3)
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
        await broker.reclaim("mail", OTHER, lease=0.0)
        await taken(broker)

        async def stopped() -> bool:
            return worker.busy == 0

        await wait_for(stopped, "the fenced attempt to be stopped", patience=5)
    found = await snapshot(broker)
    assert (found.phase, found.worker) == (Phase.RUNNING, "other")
    assert reports.outcomes == []


async def test_a_suspect_runs_alone(broker: FlakyBroker) -> None:
    together: dict[str, int] = {}

    async def count(context: TaskContext = TaskContext()) -> None:
        together[context.id] = worker.busy
        await asyncio.sleep(0)

    await abandoned(broker, "suspect")
    await broker.send([message(str(n)) for n in range(4)])
    async with working(broker, count, concurrency=4) as worker:
        assert (await ended(broker, "mail.suspect")).phase is Phase.SUCCEEDED
        for n in range(4):
            await ended(broker, f"mail.{n}")
    assert together["mail.suspect"] == 1
    assert max(together.values()) > 1


async def test_a_broker_that_is_away_at_the_start_is_waited_for(broker: FlakyBroker) -> None:
    broker.outages["check"] = 1
    await broker.send([message("1")])
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.SUCCEEDED


async def test_a_broker_that_cannot_be_relied_on_is_refused(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unfit() -> None:
        raise ConfigurationError("it forgets")

    monkeypatch.setattr(broker, "check", unfit)
    with pytest.raises(ConfigurationError, match="it forgets"):
        async with working(broker, fine):
            pytest.fail("it works")


class TestSignals:
    """Each has a slower way beside it, which is out of the way here."""

    @pytest.fixture(autouse=True)
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(intake_module, "WAIT_SECONDS", 3600)
        monkeypatch.setattr(upkeep_module, "BROADCAST_SECONDS", 3600)

    async def test_a_queue_that_goes_on_is_heard_of(self, broker: FlakyBroker) -> None:
        await broker.pause("mail", True)
        await broker.send([message("1"), message("2")])
        release = asyncio.Event()
        async with working(broker, release.wait):

            async def waits() -> bool:
                return broker.calls["claim"] > 0 and broker.listening == 1

            await wait_for(waits, "the worker to find the queue paused", patience=5)
            await broker.pause("mail", False)

            async def runs() -> bool:
                return (await snapshot(broker)).phase is Phase.RUNNING

            await wait_for(runs, "the task to run", patience=5)
            await broker.pause("mail", True)  # what runs isn't touched
            release.set()
            await ended(broker)
            assert (await snapshot(broker, "mail.2")).phase is Phase.QUEUED

    async def test_room_is_heard_of(self, broker: FlakyBroker) -> None:
        await broker.configure("mail", QueueConfig(limits=QueueLimits(concurrency=1)))
        elsewhere = await begun(broker, "elsewhere", OTHER)
        await broker.send([message("1")])
        release = asyncio.Event()
        async with working(broker, release.wait):

            async def waits() -> bool:
                return broker.calls["claim"] > 0 and broker.listening == 1

            await wait_for(waits, "the worker to find the queue full", patience=5)
            await broker.settle([structs.replace(release_of(elsewhere.lease.id), lease=elsewhere.lease)])

            async def runs() -> bool:
                return (await snapshot(broker)).phase is Phase.RUNNING

            await wait_for(runs, "the task to run", patience=5)
            release.set()
            await ended(broker)
            await broker.send([message("2")])  # which ends the reader's long wait

    async def test_a_broadcast_reaches_every_worker(self, broker: FlakyBroker) -> None:
        runs: list[str] = []

        async def refresh() -> None:
            runs.append("run")

        async with working(broker, refresh), working(broker, refresh):

            async def listening() -> bool:
                return broker.listening == 2

            await wait_for(listening, "both workers to listen", patience=5)
            await broker.broadcast(message("1"))

            async def both() -> bool:
                return len(runs) == 2

            await wait_for(both, "both workers to run it", patience=5)
            await broker.send([message("2"), message("3")])  # which ends the readers' long wait
        assert (await broker.snapshots(["mail.1"])) == [None]


async def test_a_broadcast_reaches_a_worker_that_has_just_been_started(broker: FlakyBroker) -> None:
    runs: list[int] = []

    async def refresh() -> None:
        runs.append(1)

    async with working(broker, refresh):
        await broker.broadcast(message("1"))

        async def ran() -> bool:
            return runs == [1]

        await wait_for(ran, "the broadcast to run", patience=2)


def release_of(id: str) -> Settlement:
    outcome = Outcome(id=id, task="shop.send", phase=Phase.SUCCEEDED, finished_at=time.time())
    return Settlement(lease=Lease("mail", id, ""), verb=Verb.END, phase=Phase.SUCCEEDED, outcome=outcome, life=60.0)


async def test_a_worker_that_has_done_its_share_is_spent(broker: FlakyBroker) -> None:
    await broker.send([message("1"), message("2")])
    async with working(broker, fine, max_tasks=2) as worker:
        await asyncio.wait_for(worker.until(asyncio.Event()), 5)
        assert worker.spent.is_set()
    assert (await snapshot(broker, "mail.2")).phase is Phase.SUCCEEDED


async def test_a_worker_that_is_asked_to_stop_is_not_spent(broker: FlakyBroker) -> None:
    stop = asyncio.Event()
    stop.set()
    async with working(broker, fine) as worker:
        await asyncio.wait_for(worker.until(stop), 5)
        assert not worker.spent.is_set()


async def test_a_bug_in_one_of_its_timers_does_not_silence_it(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs = ["one", "two"]
    promote = broker.promote

    async def buggy(queue: str) -> float | None:
        if bugs:
            raise ValueError(bugs.pop())
        return await promote(queue)

    monkeypatch.setattr(broker, "promote", buggy)
    await broker.send([structs.replace(message("1"), not_before=time.time() + 0.01)])
    async with working(broker, fine):
        assert (await ended(broker)).phase is Phase.SUCCEEDED


async def test_a_drained_worker_leaves_nothing_behind(broker: FlakyBroker) -> None:
    begin = asyncio.Event()

    async def endless() -> None:
        begin.set()
        await asyncio.Event().wait()

    await broker.send([message("1")])
    async with working(broker, endless, drain_seconds=0.01) as worker:
        await asyncio.wait_for(begin.wait(), 5)
        assert (worker.busy, worker.working) == (1, True)
    assert (worker.busy, worker.working) == (0, False)
    found = await snapshot(broker)
    assert (found.phase, found.attempts) == (Phase.QUEUED, 0)
    assert broker.listening == 0


async def test_a_short_retry_comes_on_time(broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_module, "LONGEST_SLEEP_SECONDS", 3600)

    async def second_time_lucky(context: TaskContext = TaskContext()) -> int:
        if context.attempt == 1:
            raise Retry(delay=0.02)
        return context.attempt

    async with working(broker, second_time_lucky):
        await broker.send([message("1")])
        assert (await ended(broker, "mail.1")).attempts == 2

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from penstock.broker.batch import BatchTerms
from penstock.envelope import Envelope
from penstock.errors import ApiRefused
from penstock.keys import batch_id, item_id
from penstock.report import TASKS
from penstock_operator import sweep as module
from penstock_operator.sweep import REPORT_GRACE_SECONDS, Sweep
from tests.unit.penstock_operator.rig import NAMESPACE, WORKER, TaskRig, known, task_rig
from tests.waiting import wait_for

INTERVAL = 0.005


@pytest.fixture
async def rig() -> AsyncIterator[TaskRig]:
    async with task_rig() as rig:
        yield rig


@asynccontextmanager
async def sweeping(rig: TaskRig) -> AsyncIterator[None]:
    sweep = asyncio.create_task(Sweep(rig.kube, rig.brokers, known(rig), INTERVAL, rig.clock).run())
    try:
        yield
    finally:
        sweep.cancel()
        await asyncio.gather(sweep, return_exceptions=True)


async def swept(rig: TaskRig, times: int = 2) -> None:
    """Until the sweep has been through, told by a lost Task of another name that comes back."""
    for _ in range(times):
        task = await rig.apply(f"canary-{len(rig.kube.requests)}", task="canary.sing")
        await rig.queued("canary")
        rig.forget(f"canary.{task['metadata']['uid']}-1")

        async def sings() -> bool:
            return bool(await rig.queued("canary"))

        await wait_for(sings, "the sweep to have been through", patience=5)


async def soon(condition: Callable[[], Awaitable[object]], what: str) -> None:
    await wait_for(condition, what, patience=5)


async def test_what_the_broker_has_lost_is_queued_again(rig: TaskRig) -> None:
    await rig.apply()
    await rig.queued()
    rig.lose()
    async with sweeping(rig):

        async def again() -> bool:
            return (await rig.depth()).ready == 1

        await soon(again, "the Task to be queued again")


async def test_what_the_broker_knows_is_left_alone(rig: TaskRig) -> None:
    await rig.apply()
    async with sweeping(rig):
        await swept(rig)
    assert (await rig.depth()).ready == 1


async def test_an_outcome_that_a_dead_worker_left_is_reported(rig: TaskRig) -> None:
    await rig.apply()
    await rig.settle(await rig.start(), at=rig.clock() - REPORT_GRACE_SECONDS - 1)
    async with sweeping(rig):

        async def told() -> bool:
            return rig.phase() == "Succeeded" and not await rig.broker.outbox("mail", 10)

        await soon(told, "the outcome to be reported")
    assert rig.status()["result"] == 7


async def test_a_fresh_outcome_is_its_workers_to_report(rig: TaskRig) -> None:
    await rig.apply()
    await rig.settle(await rig.start())
    async with sweeping(rig):
        await swept(rig)
    assert rig.phase() == "Pending"
    assert len(await rig.broker.outbox("mail", 10)) == 1


async def test_an_outcome_whose_task_is_gone_is_struck_off(rig: TaskRig) -> None:
    await rig.apply("b")
    await rig.queued()
    await rig.apply()
    started = await rig.start()
    await rig.delete()
    await rig.settle(started, at=rig.clock() - REPORT_GRACE_SECONDS - 1)
    async with sweeping(rig):

        async def struck() -> bool:
            return not await rig.broker.outbox("mail", 10)

        await soon(struck, "the outbox to be empty")


async def test_an_outcome_that_left_the_outbox_unreported_is_found_by_its_record(rig: TaskRig) -> None:
    await rig.apply()
    outcome = await rig.settle(await rig.start(), at=rig.clock() - REPORT_GRACE_SECONDS - 1)
    await rig.broker.clear([outcome])
    async with sweeping(rig):

        async def told() -> bool:
            return rig.phase() == "Succeeded"

        await soon(told, "the outcome to be reported")


async def test_an_outage_ends_no_sweep(rig: TaskRig) -> None:
    await rig.apply()
    await rig.settle(await rig.start(), at=rig.clock() - REPORT_GRACE_SECONDS - 1)
    refusals = [ApiRefused(503, "ServiceUnavailable", "later")] * 3
    rig.kube.refuse = lambda _method, _path: refusals.pop() if refusals else None
    async with sweeping(rig):

        async def told() -> bool:
            return rig.phase() == "Succeeded"

        await soon(told, "the outcome to be reported after all")
    assert not refusals


async def test_one_that_cannot_be_written_does_not_hold_up_the_others(rig: TaskRig) -> None:
    for name in ("a", "b"):
        await rig.apply(name)
        await rig.settle(await rig.start(), at=rig.clock() - REPORT_GRACE_SECONDS - 1)
    rig.kube.refuse = lambda _method, path: ApiRefused(403, "Forbidden", "no") if "/tasks/a" in path else None
    async with sweeping(rig):

        async def told() -> bool:
            return rig.phase("b") == "Succeeded"

        await wait_for(told, "the other outcome to be reported", patience=0.5)


async def test_an_outcome_is_found_by_its_record_after_a_change_of_the_spec(rig: TaskRig) -> None:
    await rig.apply()
    outcome = await rig.settle(await rig.start(), at=rig.clock() - REPORT_GRACE_SECONDS - 1)
    await rig.broker.clear([outcome])
    await rig.change(ttlSecondsAfterFinished=7)
    async with sweeping(rig):

        async def told() -> bool:
            return rig.phase() == "Succeeded"

        await wait_for(told, "the outcome to be reported", patience=0.5)


async def test_a_suspended_task_stays_suspended(rig: TaskRig) -> None:
    await rig.apply()
    await rig.change(suspend=True)
    rig.clock.pass_(REPORT_GRACE_SECONDS + 1)
    async with sweeping(rig):
        await swept(rig)
    assert rig.phase() == "Blocked"


class TestUnseenDeletions:
    """Nobody watched when a Task was deleted."""

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ORPHANS_EVERY", 1)

    async def test_a_waiting_task_is_taken_off_its_queue(self, rig: TaskRig) -> None:
        await rig.apply()
        await rig.apply("other")  # which makes its queue known
        rig.kube.vanish(TASKS, NAMESPACE, "a")
        await rig.restart()
        async with sweeping(rig):

            async def gone() -> bool:
                return (await rig.depth()).ready == 1

            await soon(gone, "the deletion to be found")

    async def test_what_is_there_stays(self, rig: TaskRig) -> None:
        for number in range(5):
            await rig.apply(f"t{number}")
        async with sweeping(rig):
            await swept(rig)
        assert (await rig.depth()).ready == 5

    async def test_what_the_watch_has_not_told_of_yet_stays(self, rig: TaskRig) -> None:
        await rig.apply("known")
        await rig.apply()
        await rig.restart("known")
        async with sweeping(rig):
            await swept(rig)
        assert (await rig.depth()).ready == 2

    async def test_of_a_batch_nothing_more_starts(self, rig: TaskRig) -> None:
        await rig.apply("other")
        await rig.queued()
        uid = str(uuid.uuid4())
        terms = BatchTerms(id=batch_id("mail", uid), parallelism=1, life=60.0)
        await rig.broker.tend(terms, create=True)
        items = [
            Envelope(id=item_id(terms.id, index), task="mail.send", queue="mail", created_at=rig.clock())
            for index in range(3)
        ]
        await rig.broker.send_items(items)
        async with sweeping(rig):

            async def gone() -> bool:
                return await rig.broker.look(terms.id) is None and (await rig.depth()).ready == 0

            await soon(gone, "the batch to be found")
        assert (await rig.broker.claim("mail", WORKER, 10)).begun == []

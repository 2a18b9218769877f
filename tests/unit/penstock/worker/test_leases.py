from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from penstock.broker.messages import Claimer, Lease, Renewal
from penstock.outcome import Outcome
from penstock.status import Phase
from penstock.worker.leases import Leases
from tests.unit.penstock.worker.brokers import ME, OTHER, FlakyBroker, begun, taken
from tests.waiting import wait_for, wait_sync

SECONDS = 0.03


@asynccontextmanager
async def keeping(
    broker: FlakyBroker, on_change: Callable[[Lease, Renewal], None] = lambda _lease, _renewal: None
) -> AsyncIterator[Leases]:
    leases = Leases(broker, ME, SECONDS, on_change)
    leases.start()
    try:
        yield leases
    finally:
        await leases.stop()


async def renewed(broker: FlakyBroker, lease: Lease, times: int = 1) -> None:
    before = sum(lease in batch for batch in broker.renewed)

    async def enough() -> bool:
        return sum(lease in batch for batch in list(broker.renewed)) >= before + times

    await wait_for(enough, f"{lease.id} to be renewed", patience=5)


@pytest.fixture
def broker() -> FlakyBroker:
    return FlakyBroker()


async def test_a_held_lease_is_renewed_again_and_again(broker: FlakyBroker) -> None:
    lease = (await begun(broker)).lease
    async with keeping(broker) as leases:
        leases.hold(lease)
        await renewed(broker, lease, 3)


async def test_a_dropped_lease_is_renewed_no_more(broker: FlakyBroker) -> None:
    one, other = (await begun(broker, "1")).lease, (await begun(broker, "2")).lease
    async with keeping(broker) as leases:
        leases.hold(one)
        leases.hold(other)
        await renewed(broker, one)
        leases.drop(one)
        await renewed(broker, other, 2)
        assert one not in broker.renewed[-1]


async def test_a_busy_event_loop_loses_no_lease(broker: FlakyBroker) -> None:
    lease = (await begun(broker)).lease
    async with keeping(broker) as leases:
        leases.hold(lease)
        wait_sync(lambda: len(broker.renewed) >= 3, "renewals while the loop is blocked", patience=5)
        assert threading.current_thread() is threading.main_thread()


async def test_who_lost_a_lease_is_told_on_the_loop(broker: FlakyBroker) -> None:
    lease = (await begun(broker)).lease
    await broker.reclaim("mail", OTHER, lease=0.0)
    await taken(broker)
    told: asyncio.Queue[tuple[str, Renewal, str]] = asyncio.Queue()

    def note(lost: Lease, renewal: Renewal) -> None:
        told.put_nowait((lost.id, renewal, threading.current_thread().name))

    async with keeping(broker, note) as leases:
        leases.hold(lease)
        assert await asyncio.wait_for(told.get(), 5) == ("mail.1", Renewal.LOST, threading.main_thread().name)


async def test_a_cancellation_comes_with_the_renewal(broker: FlakyBroker) -> None:
    lease = (await begun(broker)).lease
    outcome = Outcome(id=lease.id, task="shop.send", phase=Phase.CANCELLED, finished_at=time.time())
    await broker.cancel(outcome, reason="user", life=60)
    told: asyncio.Queue[Renewal] = asyncio.Queue()
    async with keeping(broker, lambda _lease, renewal: told.put_nowait(renewal)) as leases:
        leases.hold(lease)
        assert await asyncio.wait_for(told.get(), 5) is Renewal.CANCEL


async def test_an_outage_is_no_loss(broker: FlakyBroker) -> None:
    lease = (await begun(broker)).lease
    broker.outages["renew"] = 2
    told: list[Renewal] = []
    async with keeping(broker, lambda _lease, renewal: told.append(renewal)) as leases:
        leases.hold(lease)
        await renewed(broker, lease)
    assert told == []


async def test_stopping_ends_the_thread(broker: FlakyBroker) -> None:
    async with keeping(broker):
        assert "penstock-leases" in [thread.name for thread in threading.enumerate()]
    assert "penstock-leases" not in [thread.name for thread in threading.enumerate()]


async def test_dropping_an_old_lease_keeps_the_new_one_of_the_same_task(broker: FlakyBroker) -> None:
    first = (await begun(broker)).lease
    await broker.reclaim("mail", OTHER, lease=0.0)
    second = await taken(broker, ME)  # this worker takes over its own, after an outage
    leases = Leases(broker, ME, SECONDS, lambda _lease, _renewal: None)
    leases.hold(first)
    leases.hold(second.lease)
    leases.drop(first)
    leases.start()
    try:
        until = time.monotonic() + 0.3

        async def enough() -> bool:
            return bool(broker.renewed) or time.monotonic() > until

        await wait_for(enough, "a renewal or the end of patience")
        assert broker.renewed
    finally:
        await leases.stop()


async def test_an_error_that_is_no_outage_does_not_end_renewing(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = (await begun(broker)).lease
    renew, bugs = broker.renew, ["one", "two"]

    def buggy(leases: Sequence[Lease], claimer: Claimer) -> list[Renewal]:
        if bugs:
            raise ValueError(bugs.pop())
        return renew(leases, claimer)

    monkeypatch.setattr(broker, "renew", buggy)
    async with keeping(broker) as leases:
        leases.hold(lease)
        await renewed(broker, lease)

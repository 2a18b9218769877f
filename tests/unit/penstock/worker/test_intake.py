from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import structs

from penstock.broker.messages import Claimed, Limits, QueueConfig, Renewal
from penstock.envelope import VERSION
from penstock.outcome import Outcome
from penstock.status import Phase
from penstock.worker import intake as module
from penstock.worker.intake import Intake
from tests.unit.penstock.worker.bench import Bench, bench
from tests.unit.penstock.worker.brokers import ME, OTHER, abandoned, message
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)


@asynccontextmanager
async def reading(bench: Bench, queue: str = "mail") -> AsyncIterator[Intake]:
    intake = Intake(bench.broker, queue, 0, ME, bench.slots, bench.runner)
    task = asyncio.create_task(intake.run())
    try:
        yield intake
    finally:
        intake.stop()
        bench.slots.close()
        await asyncio.wait_for(task, 5)


async def called(bench: Bench, method: str, times: int = 1) -> None:
    async def enough() -> bool:
        return bench.broker.calls[method] >= times

    await wait_for(enough, f"{times} calls of {method}", patience=5)


async def test_what_is_ready_is_claimed_up_to_the_free_places() -> None:
    async with bench(3) as b:
        await b.broker.send([message(str(n)) for n in range(5)])
        async with reading(b):
            await b.reach(3)
            assert (b.slots.free, (await b.broker.depth(["mail"]))["mail"].ready) == (0, 2)
            b.finish("0", "1")
            await b.reach(5)


async def test_never_more_is_claimed_than_there_are_places() -> None:
    async with bench(3) as b:
        await b.broker.send([message(str(n)) for n in range(20)])
        async with reading(b):
            for n in range(20):
                await b.reach(n + 1)
                assert len(b.running) <= 3
                b.finish(str(n))
        assert max(most for most, _ in b.broker.claims) <= 3


async def test_one_claim_takes_half_of_the_places_at_most() -> None:
    async with bench(8) as b:
        await b.broker.send([message(str(n)) for n in range(8)])
        async with reading(b):
            await b.reach(8)
        assert [most for most, _ in b.broker.claims[:2]] == [4, 4]


async def test_where_claims_take_long_one_takes_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is far away, or busy with many workers: it is asked less often, for more."""
    async with bench(8) as b:
        claim = b.broker.claim

        async def slow(*args: Any, **options: Any) -> Claimed:
            await asyncio.sleep(2 * module.LONG_CLAIM_SECONDS)
            return await claim(*args, **options)

        monkeypatch.setattr(b.broker, "claim", slow)
        b.finish(*map(str, range(40)))
        await b.broker.send([message(str(n)) for n in range(40)])
        async with reading(b):
            await b.reach(40)
        assert [most for most, _ in b.broker.claims[:3]] == [4, 8, 8]


async def test_what_comes_while_it_waits_is_claimed() -> None:
    async with bench(1) as b, reading(b):
        await called(b, "listen")
        await b.broker.send([message("1")])
        await b.reach(1)


async def test_what_came_with_it_is_claimed_at_once() -> None:
    async with bench(8) as b, reading(b):
        await called(b, "listen")
        await b.broker.send([message(str(n)) for n in range(8)])
        await b.reach(8)


async def test_places_without_a_message_are_given_back() -> None:
    async with bench(8) as b:
        await b.broker.send([message("1")])
        async with reading(b):
            await b.reach(1)
            await called(b, "listen")
            assert b.slots.busy == 1


async def test_a_message_that_finds_no_place_is_handed_back() -> None:
    async with bench(1) as b, reading(b):
        await called(b, "listen", 2)
        assert b.slots.take_now(1) == 1  # another queue takes the only place
        await b.broker.send([message("1")])

        async def handed_back() -> bool:
            depth = (await b.broker.depth(["mail"]))["mail"]
            return (depth.ready, depth.in_flight) == (1, 0) and not b.started

        await wait_for(handed_back, "the message to be ready again")
        b.slots.give_back()
        await b.reach(1)
        assert (await b.snapshot()).attempts == 1


async def test_a_stopped_reader_claims_no_more_and_keeps_no_message() -> None:
    async with bench(1) as b:
        async with reading(b) as intake:
            await called(b, "listen")
            intake.stop()
            await b.broker.send([message("1")])
        assert b.started == []
        assert (await b.broker.depth(["mail"]))["mail"].ready == 1
        assert b.slots.free == 1


@pytest.mark.parametrize("method", ["claim", "listen"])
async def test_an_outage_is_waited_out_without_losing_places(method: str) -> None:
    async with bench(4) as b:
        b.broker.outages[method] = 3
        async with reading(b):
            await called(b, method, 4)
            await b.broker.send([message("1")])
            await b.reach(1)
            assert b.slots.busy == 1


class TestEarly:
    """Fresh tasks start while their claim is under way."""

    async def test_it_runs_before_its_claim_is_answered_and_keeps_its_lease(self) -> None:
        async with bench(2) as b, reading(b):
            b.broker.slow = asyncio.Event()
            await called(b, "listen")
            await b.broker.send([message("1")])
            await b.reach(1)
            [lease] = [attempt.begun.lease for attempt in b.runner.attempts.values()]
            assert b.broker.renew([lease], ME) == [Renewal.LOST]  # nobody has it yet
            b.broker.slow.set()
            await called(b, "listen", 2)
            assert b.broker.renew([lease], ME) == [Renewal.HELD]
            assert b.slots.busy == 1
            b.finish("1")
            assert (await b.outcome()).phase is Phase.SUCCEEDED
            assert (len(b.started), b.runner.leases.held) == (1, 0)

    async def test_one_that_ends_before_the_answer_is_settled_after_it(self) -> None:
        async with bench(2) as b, reading(b):
            b.broker.slow = asyncio.Event()
            b.finish("1")
            await called(b, "listen")
            await b.broker.send([message("1")])
            await b.reach(1)
            b.broker.slow.set()
            await b.idle()
            assert (b.slots.busy, b.runner.leases.held) == (0, 0)

    async def test_one_that_was_cancelled_meanwhile_is_stopped_and_not_settled(self) -> None:
        async with bench(2) as b, reading(b):
            b.broker.slow = asyncio.Event()
            await called(b, "listen")
            await b.broker.send([message("1")])
            await b.reach(1)
            outcome = Outcome(id="mail.1", task="shop.send", phase=Phase.CANCELLED, finished_at=1.0)
            await b.broker.cancel(outcome, reason="user", life=60)
            b.broker.slow.set()
            await b.idle()
            assert (await b.outcome()).phase is Phase.CANCELLED
            assert (b.slots.busy, b.broker.settled) == (0, [])

    async def test_a_claim_that_never_came_through_gives_no_lease(self) -> None:
        """The task runs to its end and can't settle; once its message has lain for a lease it runs again."""
        async with bench(2) as b, reading(b):
            await called(b, "listen")
            b.broker.outages["claim"] = 1
            await b.broker.send([message("1")])
            await b.reach(1)
            b.finish("1")
            await called(b, "settle")
            await b.broker.reclaim("mail", OTHER, lease=0.0)
            await b.reach(2)
            assert (await b.outcome()).attempts == 1
            assert (len(b.started), b.slots.busy, b.runner.leases.held) == (2, 0, 0)

    async def test_one_that_cannot_be_read_is_buried(self) -> None:
        async with bench(2) as b, reading(b):
            await called(b, "listen")
            await b.broker.send([structs.replace(message("1"), v=VERSION + 1)])

            async def buried() -> bool:
                return len(await b.broker.dead_letters("mail", 10)) == 1

            await wait_for(buried, "the dead letter")
            assert b.slots.busy == 0


class TestLimits:
    async def test_while_they_are_closed_nobody_asks_and_a_signal_opens_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with bench(1) as b:
            monkeypatch.setattr(module, "WAIT_SECONDS", 3600)
            await b.broker.pause("mail", True)
            await b.broker.send([message("1")])
            async with reading(b) as intake:
                await called(b, "claim")
                assert b.slots.free == 1  # the place is another queue's meanwhile
                await b.broker.pause("mail", False)
                intake.opened()
                await b.reach(1)
                assert b.broker.calls["claim"] == 2

    async def test_without_a_signal_they_are_looked_at_again(self) -> None:
        async with bench(2) as b:
            await b.broker.pause("mail", True)
            await b.broker.send([message("1")])
            async with reading(b):
                await called(b, "claim")
                await b.broker.pause("mail", False)
                await b.reach(1)

    async def test_no_more_than_they_allow_is_begun(self) -> None:
        async with bench(4) as b:
            await b.broker.configure("mail", QueueConfig(limits=Limits(concurrency=1)))
            await b.broker.send([message(str(n)) for n in range(3)])
            async with reading(b):
                for n in range(3):
                    await b.reach(n + 1)
                    [running] = b.running
                    b.finish(running.removeprefix("mail."))

    async def test_a_closed_queue_can_be_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with bench(2) as b:
            monkeypatch.setattr(module, "WAIT_SECONDS", 3600)
            await b.broker.pause("mail", True)
            async with reading(b):
                await called(b, "claim")


class TestSuspects:
    async def test_one_runs_alone_and_the_other_places_stay_empty(self) -> None:
        async with bench(3) as b:
            await abandoned(b.broker, "suspect")
            async with reading(b):
                await b.reach(1)
                await b.broker.send([message("1"), message("2")])
                assert (b.running, b.slots.free) == ({"mail.suspect"}, 0)
                b.finish("suspect")
                await b.reach(3)

    async def test_after_its_probation_the_others_run_beside_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PROBATION_SECONDS", 0.02)
        async with bench(3) as b:
            await abandoned(b.broker, "suspect")
            async with reading(b):
                await b.reach(1)
                await b.broker.send([message("1"), message("2")])
                await b.reach(3)
                assert b.running == {"mail.suspect", "mail.1", "mail.2"}

    async def test_two_run_one_after_the_other(self) -> None:
        async with bench(3) as b:
            await abandoned(b.broker, "one")
            await abandoned(b.broker, "two")
            async with reading(b):
                for expected in (1, 2):
                    await b.reach(expected)
                    [running] = b.running
                    b.finish(running.removeprefix("mail."))

    async def test_the_next_one_follows_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "WAIT_SECONDS", 3600)
        async with bench(3) as b:
            b.finish("one", "two", "three")
            for unique in ("one", "two", "three"):
                await abandoned(b.broker, unique)
            intake = Intake(b.broker, "mail", 0, ME, b.slots, b.runner)
            task = asyncio.create_task(intake.run())
            await b.reach(3)
            task.cancel()

    async def test_one_waits_until_the_others_have_ended(self) -> None:
        async with bench(2) as b:
            await abandoned(b.broker, "suspect")
            await b.broker.send([message("1")])
            await b.claim()
            async with reading(b) as intake:
                await called(b, "listen")
                intake.isolate()
                await b.broker.send([message("2")])
                await called(b, "unclaim")
                b.finish("1")
                await b.reach(2)
                assert (b.started, b.running) == (["mail.1", "mail.suspect"], {"mail.suspect"})
                b.finish("suspect")
                await b.reach(3)

    async def test_one_that_has_waited_long_enough_runs_beside_what_is_left(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "GATHER_SECONDS", 0.05)
        async with bench(2) as b:
            await abandoned(b.broker, "suspect")
            await b.broker.send([message("long")])
            await b.claim()
            async with reading(b) as intake:
                await called(b, "listen")
                intake.isolate()
                await b.broker.send([message("2")])
                await b.reach(2)
                assert (b.running, b.slots.free) == ({"mail.long", "mail.suspect"}, 0)
                b.finish("suspect")
                await b.reach(3)
                assert b.running == {"mail.long", "mail.2"}

    async def test_one_that_runs_does_not_hold_up_a_drain(self) -> None:
        async with bench(2) as b:
            await abandoned(b.broker, "suspect")
            intake = Intake(b.broker, "mail", 0, ME, b.slots, b.runner)
            task = asyncio.create_task(intake.run())
            await b.reach(1)
            intake.stop()
            b.slots.close()
            done, _ = await asyncio.wait([task], timeout=1)
            task.cancel()
            assert done, "the reader waits for the end of the suspect's probation"

    async def test_a_lone_place_is_given_back_after_one(self) -> None:
        async with bench(1) as b:
            await abandoned(b.broker, "suspect")
            async with reading(b):
                await b.reach(1)
                await b.broker.send([message("1")])
                b.finish("suspect")
                await b.reach(2)
                assert b.slots.busy == 1

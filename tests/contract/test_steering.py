"""Cancelling, withdrawing, dead letters, broadcasts and settings."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from msgspec import structs

from penstock.broker import Broker
from penstock.broker.messages import Cancellation, QueueConfig, Renewal, Signal, Verb, Verdict
from penstock.outcome import Failure
from penstock.retry import RetryPolicy
from penstock.status import Phase
from tests.contract.messages import A, again, cancelled, claim, ended, limited, message, names, start_one
from tests.waiting import wait_for


async def cancel(broker: Broker, unique: str) -> Cancellation:
    return (await broker.cancel(cancelled(unique), reason="user", life=60))[0]


async def bury(broker: Broker, unique: str, **fields: object) -> None:
    begun = await start_one(broker, unique, **fields)
    await broker.settle([ended(begun, Phase.DEAD_LETTERED, failure=Failure("ValueError", f"of {unique}"))])


async def dead(broker: Broker) -> list[str]:
    return [letter.id for letter in await broker.dead_letters("mail", 100)]


class TestCancel:
    async def test_a_queued_task_is_cancelled_at_once(self, broker: Broker) -> None:
        await broker.send([message("1")])
        assert await broker.cancel(cancelled("1"), reason="user", life=60) == (Cancellation.CANCELLED, 0)
        assert await claim(broker) == []
        assert (await broker.depth(["mail"]))["mail"].backlog == 0
        [snapshot] = await broker.snapshots(["mail.1"])
        assert snapshot is not None
        assert snapshot.phase is Phase.CANCELLED

    async def test_a_delayed_task_is_cancelled_at_once(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 60)])
        assert await cancel(broker, "1") is Cancellation.CANCELLED
        assert (await broker.depth(["mail"]))["mail"].delayed == 0

    async def test_a_parked_and_a_gated_task_are_cancelled_at_once(self, broker: Broker) -> None:
        await limited(broker, concurrency_per_key=1)
        await broker.settle([again(await start_one(broker, "parked"), Verb.PARK)])
        await broker.send([message("x0", key="x"), message("x1", key="x"), message("x2", key="x")])
        [running] = await claim(broker)
        assert await cancel(broker, "parked") is Cancellation.CANCELLED
        assert await cancel(broker, "x1") is Cancellation.CANCELLED
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.parked, depth.gated) == (0, 1)
        await broker.settle([ended(running)])
        assert await names(broker) == ["x2"]

    async def test_a_running_task_is_told(self, broker: Broker) -> None:
        begun = await start_one(broker)
        heard = asyncio.create_task(_first(broker))

        async def told() -> bool:
            assert await cancel(broker, "1") is Cancellation.REQUESTED
            return heard.done()

        await wait_for(told, "the worker to hear of the cancellation")
        assert heard.result() == Signal("cancel", "mail.1")
        assert broker.renew([begun.lease], A) == [Renewal.CANCEL]

    async def test_a_cancellation_survives_the_worker(self, broker: Broker) -> None:
        begun = await start_one(broker)
        await cancel(broker, "1")
        await broker.settle([again(begun, Verb.RELEASE)])
        [second] = await claim(broker)
        assert second.verdict is Verdict.CANCELLED

    async def test_the_finished_and_the_unknown_are_told_apart(self, broker: Broker) -> None:
        await broker.settle([ended(await start_one(broker))])
        assert await cancel(broker, "1") is Cancellation.FINISHED
        assert await cancel(broker, "9") is Cancellation.UNKNOWN

    async def test_whoever_waits_hears_of_it(self, broker: Broker) -> None:
        await broker.send([message("1")])
        waiting = asyncio.create_task(broker.wait("mail.1"))
        await asyncio.sleep(0)
        await cancel(broker, "1")
        outcome = await asyncio.wait_for(waiting, 10)
        assert outcome is not None
        assert outcome.phase is Phase.CANCELLED


async def _first(broker: Broker) -> Signal:
    async with aclosing(broker.signals(["mail"])) as signals:
        async for signal in signals:
            return signal
    raise AssertionError("the signals ended")


class TestWithdraw:
    async def test_a_waiting_task_is_gone_and_may_be_sent_again(self, broker: Broker) -> None:
        for delay in (0.0, 60.0):
            await broker.send([message("1", not_before=time.time() + delay if delay else None)])
            assert await broker.withdraw("mail.1") is Cancellation.CANCELLED
            assert await claim(broker) == []
            assert await broker.snapshots(["mail.1"]) == [None]
        [receipt] = await broker.send([message("1")])
        assert receipt.sent == "queued"

    async def test_what_runs_goes_on(self, broker: Broker) -> None:
        begun = await start_one(broker)
        assert await broker.withdraw("mail.1") is Cancellation.REQUESTED
        assert await broker.settle([ended(begun)]) == [True]
        assert await broker.withdraw("mail.1") is Cancellation.FINISHED
        assert await broker.withdraw("mail.2") is Cancellation.UNKNOWN


class TestDeadLetters:
    async def test_are_kept_with_their_reason(self, broker: Broker) -> None:
        await bury(broker, "1")
        [letter] = await broker.dead_letters("mail", 10)
        assert letter.outcome is not None
        assert letter.outcome.failure == Failure("ValueError", "of 1")
        assert (letter.id, letter.message != b"") == ("mail.1", True)
        assert (await broker.depth(["mail"]))["mail"].dead == 1

    async def test_a_replayed_one_starts_from_its_first_attempt(self, broker: Broker) -> None:
        for unique in "123":
            await bury(broker, unique, priority="high")
        assert await broker.replay("mail", ["mail.2", "mail.nobody"]) == 1
        assert await dead(broker) == ["mail.1", "mail.3"]
        [begun] = await claim(broker)
        assert (begun.lease.id, begun.attempts, begun.crashes) == ("mail.2", 1, 0)
        assert await broker.settle([ended(begun)]) == [True]

    async def test_purged_ones_are_gone(self, broker: Broker) -> None:
        await bury(broker, "1")
        assert await broker.purge("mail", ["mail.1"]) == 1
        assert await broker.purge("mail", ["mail.1"]) == 0
        assert await dead(broker) == []
        assert await claim(broker) == []

    async def test_only_so_many_are_kept(self, broker: Broker) -> None:
        await broker.configure("mail", QueueConfig(dead_letters=2))
        for unique in "123":
            await bury(broker, unique)
        assert await dead(broker) == ["mail.2", "mail.3"]

    async def test_only_for_so_long(self, broker: Broker) -> None:
        await broker.configure("mail", QueueConfig(dead_seconds=0.05))
        await bury(broker, "1")

        async def gone() -> bool:
            await broker.tidy("mail")
            return await dead(broker) == []

        await wait_for(gone, "the dead letter to be forgotten")


class TestBroadcast:
    async def test_reaches_whoever_looks_from_then_on(self, broker: Broker) -> None:
        early, nothing = await broker.broadcasts("mail", None)
        assert nothing == []
        await broker.broadcast(message("1"))
        late, nothing = await broker.broadcasts("mail", None)
        assert nothing == []
        await broker.broadcast(message("2"))
        place, heard = await broker.broadcasts("mail", early)
        assert len(heard) == 2
        assert len((await broker.broadcasts("mail", late))[1]) == 1
        assert (await broker.broadcasts("mail", place))[1] == []


class TestSettings:
    async def test_are_read_as_they_were_written(self, broker: Broker) -> None:
        config = QueueConfig(retry=RetryPolicy(5), timeout=2.5, max_crashes=7)
        await broker.configure("mail", config)
        assert await broker.config("mail") == config
        await broker.configure("mail", None)
        assert await broker.config("mail") == QueueConfig()

    async def test_taken_back_limits_hold_no_more(self, broker: Broker) -> None:
        await limited(broker, concurrency=1, rate=1, period=60)
        await broker.send([message("1"), message("2")])
        assert len(await claim(broker)) == 1
        await broker.configure("mail", None)
        assert len(await claim(broker)) == 1

    async def test_a_pause_survives_new_settings(self, broker: Broker) -> None:
        await broker.pause("mail", True)
        await limited(broker, concurrency=5)
        await broker.send([message("1")])
        assert await claim(broker) == []


async def test_whose_call_an_id_is(broker: Broker) -> None:
    assert await broker.named("mail.1") == ""
    await broker.send([message("1"), structs.replace(message("2"), not_before=time.time() + 60)])
    assert [await broker.named(f"mail.{number}") for number in (1, 2)] == [message("1").task] * 2
    begun = await start_one(broker)
    assert await broker.named("mail.1") == message("1").task
    await broker.settle([ended(begun)])
    assert await broker.named("mail.1") == ended(begun).outcome.task  # type: ignore[union-attr]  # it has one

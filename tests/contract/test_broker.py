"""What a broker promises. A broker is done when this passes on it."""

from __future__ import annotations

import asyncio
import time

from penstock.broker.protocol import Begun, Broker, Cancellation, Delivery, Renewal, Settlement, Verb, Verdict
from penstock.envelope import Envelope, ResourceRef, encode
from penstock.outcome import Outcome
from penstock.status import Phase
from tests.waiting import wait_for

LIFE = 60.0


def message(unique: str, **fields: object) -> Envelope:
    return Envelope(id=f"mail/{unique}", task="shop.send", queue="mail", created_at=time.time(), **fields)  # type: ignore[arg-type]  # test data


async def begin(broker: Broker, deliveries: list[Delivery], consumer: str = "a", crashes: int = 3) -> list[Begun]:
    return await broker.begin(deliveries, consumer, f"worker-{consumer}", max_crashes=crashes)


async def start_one(broker: Broker, unique: str = "1", **fields: object) -> tuple[Delivery, Begun]:
    await broker.send([message(unique, **fields)])
    [delivery] = await broker.claim("mail", "a", 10)
    [begun] = await begin(broker, [delivery])
    return delivery, begun


def ended(begun: Begun, delivery: Delivery, phase: Phase = Phase.SUCCEEDED, **fields: object) -> Settlement:
    outcome = Outcome(id=delivery.id, task="shop.send", phase=phase, finished_at=time.time(), **fields)  # type: ignore[arg-type]  # test data
    return Settlement(
        lease=begun.lease, verb=Verb.END, message=delivery.message, phase=phase, outcome=outcome, life=LIFE
    )


def again(begun: Begun, delivery: Delivery, verb: Verb, delay: float = 0.0) -> Settlement:
    phase = Phase.RETRYING if verb is Verb.RETRY else Phase.QUEUED
    return Settlement(lease=begun.lease, verb=verb, message=delivery.message, phase=phase, delay=delay, life=LIFE)


def cancelled(unique: str) -> Outcome:
    return Outcome(id=f"mail/{unique}", task="shop.send", phase=Phase.CANCELLED, finished_at=time.time())


class TestSend:
    async def test_a_message_arrives_as_it_was_sent(self, broker: Broker) -> None:
        sent = message("1", payload=b"[[42],{}]")
        assert await broker.send([sent]) == [True]
        [delivery] = await broker.claim("mail", "a", 10)
        assert (delivery.id, delivery.message) == ("mail/1", encode(sent))

    async def test_an_id_is_queued_once(self, broker: Broker) -> None:
        assert await broker.send([message("1"), message("2"), message("1")]) == [True, True, False]
        assert await broker.send([message("2"), message("3")]) == [False, True]
        assert len(await broker.claim("mail", "a", 10)) == 3

    async def test_an_id_stays_known_after_its_end(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([ended(begun, delivery)])
        assert await broker.send([message("1")]) == [False]

    async def test_urgent_messages_come_first(self, broker: Broker) -> None:
        await broker.send([message("l", priority="low"), message("n"), message("c", priority="critical")])
        claimed = await broker.claim("mail", "a", 10)
        assert [delivery.id for delivery in claimed] == ["mail/c", "mail/n", "mail/l"]

    async def test_nothing_starves_under_urgent_load(self, broker: Broker) -> None:
        await broker.send([message(f"h{i}", priority="critical") for i in range(50)] + [message("l", priority="low")])
        claimed = await broker.claim("mail", "a", 16)
        assert len(claimed) == 16
        assert "mail/l" in [delivery.id for delivery in claimed]


class TestClaim:
    async def test_never_more_than_the_budget(self, broker: Broker) -> None:
        await broker.send([message(str(i)) for i in range(10)])
        assert len(await broker.claim("mail", "a", 3)) == 3
        assert len(await broker.claim("mail", "b", 100)) == 7

    async def test_waits_for_the_first_message(self, broker: Broker) -> None:
        await broker.claim("mail", "a", 1)  # makes the groups
        waiting = asyncio.create_task(broker.claim("mail", "a", 1, wait=1.0))
        await asyncio.sleep(0)
        await broker.send([message("1")])
        assert [delivery.id for delivery in await waiting] == ["mail/1"]

    async def test_waits_no_longer_than_asked(self, broker: Broker) -> None:
        await broker.claim("mail", "a", 1)
        before = time.monotonic()
        assert await broker.claim("mail", "a", 1, wait=0.1) == []
        assert time.monotonic() - before < 1.0

    async def test_unclaimed_messages_come_again(self, broker: Broker) -> None:
        await broker.send([message("1")])
        await broker.unclaim(await broker.claim("mail", "a", 1), "a")
        [delivery] = await broker.claim("mail", "b", 1)
        [begun] = await begin(broker, [delivery], "b")
        assert (begun.verdict, begun.attempts) == (Verdict.RUN, 1)


class TestLease:
    async def test_begin_counts_attempts(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        assert (begun.verdict, begun.attempts, begun.crashes) == (Verdict.RUN, 1, 0)
        await broker.settle([again(begun, delivery, Verb.RETRY)])
        [second] = await begin(broker, await broker.claim("mail", "a", 1))
        assert second.attempts == 2

    async def test_handing_back_costs_no_attempt(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([again(begun, delivery, Verb.RELEASE)])
        [second] = await begin(broker, await broker.claim("mail", "b", 1), "b")
        assert (second.attempts, second.crashes) == (1, 0)

    async def test_a_renewed_lease_is_not_reclaimed(self, broker: Broker) -> None:
        _, begun = await start_one(broker)
        assert broker.renew([begun.lease], "a") == [Renewal.HELD]
        assert await broker.reclaim("mail", "b", 10, lease=30.0) == []

    async def test_a_reclaimed_task_is_fenced_from_its_first_worker(self, broker: Broker) -> None:
        delivery, first = await start_one(broker)
        [taken] = await broker.reclaim("mail", "b", 10, lease=0.0)
        [second] = await begin(broker, [taken], "b")
        assert (second.attempts, second.crashes) == (2, 1)
        assert broker.renew([first.lease], "a") == [Renewal.LOST]
        assert not await broker.note(first.lease, b"{}")
        assert await broker.settle([ended(first, delivery)]) == [False]
        assert await broker.settle([ended(second, taken)]) == [True]

    async def test_who_lost_the_message_cannot_begin_it(self, broker: Broker) -> None:
        await broker.send([message("1")])
        [delivery] = await broker.claim("mail", "a", 1)
        await broker.reclaim("mail", "b", 1, lease=0.0)
        [begun] = await begin(broker, [delivery], "a")
        assert begun.verdict is Verdict.LOST

    async def test_too_many_crashes_end_it(self, broker: Broker) -> None:
        await start_one(broker)
        for crash in range(1, 3):
            [taken] = await broker.reclaim("mail", f"w{crash}", 1, lease=0.0)
            [begun] = await begin(broker, [taken], f"w{crash}", crashes=2)
        assert (begun.verdict, begun.crashes, begun.attempts) == (Verdict.CRASHED, 2, 2)
        assert await broker.settle([ended(begun, taken, Phase.DEAD_LETTERED)]) == [True]

    async def test_progress_is_seen(self, broker: Broker) -> None:
        _, begun = await start_one(broker)
        assert await broker.note(begun.lease, b'{"percent":40}')
        [snapshot] = await broker.snapshots(["mail/1"])
        assert snapshot is not None
        assert snapshot.progress == b'{"percent":40}'


class TestSettle:
    async def test_an_outcome_is_recorded_once(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        assert await broker.settle([ended(begun, delivery, result=b"7")]) == [True]
        assert await broker.settle([ended(begun, delivery, result=b"8")]) == [False]
        [snapshot] = await broker.snapshots(["mail/1"])
        assert snapshot is not None
        assert (snapshot.phase, snapshot.outcome and snapshot.outcome.result) == (Phase.SUCCEEDED, b"7")

    async def test_a_settled_queue_is_empty(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        assert (await broker.depth(["mail"]))["mail"].in_flight == 1
        await broker.settle([ended(begun, delivery)])
        assert (await broker.depth(["mail"]))["mail"].backlog == 0

    async def test_a_batch_settles_each_by_its_own_lease(self, broker: Broker) -> None:
        await broker.send([message("1"), message("2")])
        deliveries = await broker.claim("mail", "a", 2)
        first, second = await begin(broker, deliveries)
        await broker.settle([ended(first, deliveries[0])])
        assert await broker.settle([ended(first, deliveries[0]), ended(second, deliveries[1])]) == [False, True]

    async def test_dead_letters_are_kept(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([ended(begun, delivery, Phase.DEAD_LETTERED)])
        assert (await broker.depth(["mail"]))["mail"].dead == 1

    async def test_what_cannot_be_understood_is_buried(self, broker: Broker) -> None:
        await broker.send([message("1")])
        [delivery] = await broker.claim("mail", "a", 1)
        outcome = Outcome(id="mail/1", task="", phase=Phase.DEAD_LETTERED, finished_at=time.time())
        await broker.bury(delivery, outcome, life=LIFE)
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.dead, depth.backlog) == (1, 0)

    async def test_only_resources_use_the_outbox(self, broker: Broker) -> None:
        resource = ResourceRef("shop", "welcome", "uid-1")
        delivery, begun = await start_one(broker, "1")
        await broker.settle([ended(begun, delivery)])
        delivery, begun = await start_one(broker, "2")
        settlement = ended(begun, delivery, resource=resource)
        await broker.settle([settlement])
        assert await broker.outbox("mail", 10) == [settlement.outcome]
        assert settlement.outcome is not None
        await broker.clear([settlement.outcome])
        assert await broker.outbox("mail", 10) == []


class TestPark:
    async def test_a_parked_message_waits_outside_the_depth(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([again(begun, delivery, Verb.PARK)])
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.parked, depth.backlog, depth.delayed) == (1, 0, 0)
        assert [parked.message for parked in await broker.parked("mail", 10)] == [delivery.message]

    async def test_whoever_knows_it_makes_it_ready_again(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([again(begun, delivery, Verb.PARK)])
        await broker.unpark("mail", ["mail/1", "mail/unknown"])
        [second] = await begin(broker, await broker.claim("mail", "b", 10), "b")
        assert (second.verdict, second.attempts) == (Verdict.RUN, 1)
        assert await broker.parked("mail", 10) == []

    async def test_it_can_be_cancelled(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([again(begun, delivery, Verb.PARK)])
        assert (await broker.cancel(cancelled("1"), reason="user", life=LIFE))[0] is Cancellation.CANCELLED
        assert (await broker.depth(["mail"]))["mail"].parked == 0


class TestDelay:
    async def test_a_delayed_message_comes_when_it_is_due(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 0.2)])
        assert await broker.claim("mail", "a", 1) == []
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.delayed, depth.due, depth.backlog) == (1, 0, 0)
        assert (await broker.depth(["mail"], horizon=5.0))["mail"].due == 1
        await _promoted(broker)
        assert len(await broker.claim("mail", "a", 1)) == 1

    async def test_promoting_says_when_to_look_again(self, broker: Broker) -> None:
        assert await broker.promote("mail") is None
        await broker.send([message("1", not_before=time.time() + 60)])
        assert 50 < (await broker.promote("mail") or 0) <= 60

    async def test_a_retry_waits_for_its_delay(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([again(begun, delivery, Verb.RETRY, 0.1)])
        [snapshot] = await broker.snapshots(["mail/1"])
        assert snapshot is not None
        assert snapshot.phase is Phase.RETRYING
        await _promoted(broker)
        [second] = await begin(broker, await broker.claim("mail", "a", 1))
        assert second.attempts == 2


async def _promoted(broker: Broker) -> None:
    async def due() -> bool:
        await broker.promote("mail")
        return (await broker.depth(["mail"]))["mail"].ready == 1

    await wait_for(due, "the delayed message to become due")


class TestCancel:
    async def test_a_queued_task_is_cancelled_at_once(self, broker: Broker) -> None:
        await broker.send([message("1")])
        assert await broker.cancel(cancelled("1"), reason="user", life=LIFE) == (Cancellation.CANCELLED, 0)
        assert await broker.claim("mail", "a", 1) == []
        assert (await broker.depth(["mail"]))["mail"].backlog == 0

    async def test_a_delayed_task_is_cancelled_at_once(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 60)])
        assert (await broker.cancel(cancelled("1"), reason="user", life=LIFE))[0] is Cancellation.CANCELLED
        assert (await broker.depth(["mail"]))["mail"].delayed == 0

    async def test_a_claimed_task_is_not_begun(self, broker: Broker) -> None:
        await broker.send([message("1")])
        deliveries = await broker.claim("mail", "a", 1)
        await broker.cancel(cancelled("1"), reason="user", life=LIFE)
        [begun] = await begin(broker, deliveries)
        assert begun.verdict in (Verdict.LOST, Verdict.DONE)

    async def test_a_running_task_is_told(self, broker: Broker) -> None:
        _, begun = await start_one(broker)
        heard = asyncio.create_task(_first(broker))

        async def told() -> bool:
            await broker.cancel(cancelled("1"), reason="user", life=LIFE)
            return heard.done()

        await wait_for(told, "the worker to hear of the cancellation")
        assert heard.result() == "mail/1"
        assert broker.renew([begun.lease], "a") == [Renewal.CANCEL]

    async def test_a_cancellation_survives_the_worker(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.cancel(cancelled("1"), reason="user", life=LIFE)
        await broker.settle([again(begun, delivery, Verb.RELEASE)])
        [second] = await begin(broker, await broker.claim("mail", "b", 1), "b")
        assert second.verdict is Verdict.CANCELLED

    async def test_the_finished_and_the_unknown_are_told_apart(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([ended(begun, delivery)])
        assert (await broker.cancel(cancelled("1"), reason="user", life=LIFE))[0] is Cancellation.FINISHED
        assert (await broker.cancel(cancelled("9"), reason="user", life=LIFE))[0] is Cancellation.UNKNOWN


async def _first(broker: Broker) -> str:
    async for id in broker.cancellations(["mail"]):
        return id
    raise AssertionError("the cancellations ended")


class TestWithdraw:
    async def test_a_waiting_task_is_gone_and_may_be_sent_again(self, broker: Broker) -> None:
        for delay in (0.0, 60.0):
            await broker.send([message("1", not_before=time.time() + delay if delay else None)])
            assert await broker.withdraw("mail/1") is Cancellation.CANCELLED
            assert await broker.claim("mail", "a", 1) == []
            assert await broker.snapshots(["mail/1"]) == [None]
        assert await broker.send([message("1")]) == [True]

    async def test_what_runs_goes_on(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        assert await broker.withdraw("mail/1") is Cancellation.REQUESTED
        assert await broker.settle([ended(begun, delivery)]) == [True]
        assert await broker.withdraw("mail/1") is Cancellation.FINISHED
        assert await broker.withdraw("mail/2") is Cancellation.UNKNOWN

    async def test_a_claimed_task_is_not_begun(self, broker: Broker) -> None:
        await broker.send([message("1")])
        deliveries = await broker.claim("mail", "a", 1)
        await broker.withdraw("mail/1")
        [begun] = await begin(broker, deliveries)
        assert begun.verdict is Verdict.LOST


class TestWait:
    async def test_returns_when_the_task_ends(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        waiting = asyncio.create_task(broker.wait("mail/1"))
        await asyncio.sleep(0)
        await broker.settle([ended(begun, delivery, result=b"7")])
        outcome = await asyncio.wait_for(waiting, 10)
        assert outcome is not None
        assert outcome.result == b"7"

    async def test_returns_at_once_for_an_ended_task(self, broker: Broker) -> None:
        delivery, begun = await start_one(broker)
        await broker.settle([ended(begun, delivery)])
        assert (await asyncio.wait_for(broker.wait("mail/1"), 1)) is not None

    async def test_knows_what_it_does_not_know(self, broker: Broker) -> None:
        assert await asyncio.wait_for(broker.wait("mail/nobody"), 5) is None
        assert await broker.snapshots(["mail/nobody"]) == [None]

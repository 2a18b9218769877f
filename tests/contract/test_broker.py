"""What a broker promises: sending, claiming, leases and settling. A broker is done when this folder passes on it."""

from __future__ import annotations

import asyncio
import time

import pytest

from penstock.broker import Broker
from penstock.broker.messages import Renewal, Sent, Verb, Verdict
from penstock.envelope import Envelope, ResourceRef, encode
from penstock.keys import Priority
from penstock.status import Phase
from tests.contract.messages import A, B, again, cancelled, claim, ended, message, names, start_one
from tests.waiting import wait_for


async def sent(broker: Broker, *messages: Envelope) -> list[Sent]:
    return [receipt.sent for receipt in await broker.send(messages)]


class TestSend:
    async def test_a_message_arrives_as_it_was_sent(self, broker: Broker) -> None:
        envelope = message("1", payload=b"[[42],{}]")
        assert await sent(broker, envelope) == [Sent.QUEUED]
        [begun] = await claim(broker)
        assert (begun.lease.id, begun.message) == ("mail.1", encode(envelope))

    async def test_an_id_is_queued_once(self, broker: Broker) -> None:
        assert await sent(broker, message("1"), message("2"), message("1")) == [Sent.QUEUED, Sent.QUEUED, Sent.KNOWN]
        assert await sent(broker, message("2"), message("3")) == [Sent.KNOWN, Sent.QUEUED]
        assert len(await claim(broker)) == 3

    async def test_an_id_stays_known_after_its_end(self, broker: Broker) -> None:
        await broker.settle([ended(await start_one(broker))])
        assert await sent(broker, message("1")) == [Sent.KNOWN]

    async def test_urgent_messages_come_first(self, broker: Broker) -> None:
        await broker.send([message("l", priority="low"), message("n"), message("c", priority="critical")])
        assert await names(broker) == ["c", "n", "l"]

    async def test_nothing_starves_under_urgent_load(self, broker: Broker) -> None:
        await broker.send([message(f"h{i}", priority="critical") for i in range(50)] + [message("l", priority="low")])
        claimed = await names(broker, 16)
        assert len(claimed) == 16
        assert "l" in claimed

    @pytest.mark.parametrize("budget", [1, 2, 4])
    async def test_nothing_starves_where_few_start_at_a_time(self, broker: Broker, budget: int) -> None:
        levels: list[Priority] = ["critical", "high", "normal", "low"]
        for level in levels:
            await broker.send([message(f"{level}-{i}", priority=level) for i in range(60)])
        started: list[str] = []
        for _ in range(90 // budget):
            begun = await claim(broker, budget)
            assert len(begun) == budget
            started += [one.lease.id.removeprefix("mail.").partition("-")[0] for one in begun]
            await broker.settle([ended(one) for one in begun])
        counts = [started.count(level) for level in levels]
        assert started[0] == "critical"
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] >= 2


class TestClaim:
    async def test_never_more_than_the_budget(self, broker: Broker) -> None:
        await broker.send([message(str(i)) for i in range(10)])
        assert len(await claim(broker, 3)) == 3
        assert len(await claim(broker, 100, B)) == 7
        assert await claim(broker, 0) == []

    async def test_listening_brings_the_next_message(self, broker: Broker) -> None:
        await claim(broker)  # makes the groups
        listening = asyncio.create_task(broker.listen("mail", A, 1.0))
        await asyncio.sleep(0)
        await broker.send([message("1")])
        read = await listening
        assert [delivery.id for delivery in read] == ["mail.1"]
        [begun] = (await broker.claim("mail", A, 5, read=read)).begun
        assert (begun.verdict, begun.attempts) == (Verdict.RUN, 1)

    async def test_what_was_read_comes_with_what_came_after_it(self, broker: Broker) -> None:
        await claim(broker)
        await broker.send([message("1"), message("2"), message("3")])
        read = await broker.listen("mail", A, 1.0)
        claimed = await broker.claim("mail", A, 1, read=read)
        assert [begun.lease.id for begun in claimed.begun] == ["mail.1", "mail.2"]

    async def test_listens_no_longer_than_asked(self, broker: Broker) -> None:
        await claim(broker)
        before = time.monotonic()
        assert await broker.listen("mail", A, 0.1) == []
        assert time.monotonic() - before < 1.0

    async def test_unclaimed_messages_come_again(self, broker: Broker) -> None:
        await claim(broker)
        await broker.send([message("1")])
        await broker.unclaim(await broker.listen("mail", A, 1.0))
        [begun] = await claim(broker, by=B)
        assert (begun.verdict, begun.attempts) == (Verdict.RUN, 1)

    async def test_what_was_taken_away_after_it_was_read_is_not_begun(self, broker: Broker) -> None:
        await claim(broker)
        for unique in ("cancelled", "withdrawn"):
            await broker.send([message(unique)])
            read = await broker.listen("mail", A, 1.0)
            if unique == "cancelled":
                await broker.cancel(cancelled(unique), reason="user", life=60)
            else:
                await broker.withdraw(f"mail.{unique}")
            assert (await broker.claim("mail", A, 1, read=read)).begun == []
            await broker.unclaim(read)
            depth = (await broker.depth(["mail"]))["mail"]
            assert (depth.ready, depth.in_flight) == (0, 0)


class TestLease:
    async def test_claiming_counts_attempts(self, broker: Broker) -> None:
        begun = await start_one(broker)
        assert (begun.verdict, begun.attempts, begun.crashes) == (Verdict.RUN, 1, 0)
        await broker.settle([again(begun, Verb.RETRY)])
        [second] = await claim(broker)
        assert second.attempts == 2

    async def test_handing_back_costs_no_attempt(self, broker: Broker) -> None:
        await broker.settle([again(await start_one(broker), Verb.RELEASE)])
        [second] = await claim(broker, by=B)
        assert (second.attempts, second.crashes) == (1, 0)

    async def test_a_renewed_lease_is_not_reclaimed(self, broker: Broker) -> None:
        begun = await start_one(broker)

        async def long_enough() -> bool:
            assert broker.renew([begun.lease], A) == [Renewal.HELD]
            assert (await broker.reclaim("mail", B, lease=0.5)).moved == 0
            return time.time() - begun.started_at > 1.0

        await wait_for(long_enough, "twice the lease to pass")

    async def test_an_abandoned_task_runs_again_and_alone(self, broker: Broker) -> None:
        begun = await start_one(broker)
        await broker.send([message("2")])
        reclaimed = await broker.reclaim("mail", B, lease=0.0)
        assert (reclaimed.moved, reclaimed.suspects) == (1, 1)
        assert await names(broker, by=B) == ["2"]
        [second] = await claim(broker, 10, B, alone=True)
        assert (second.lease.id, second.verdict, second.attempts, second.crashes) == ("mail.1", Verdict.RUN, 2, 1)
        assert broker.renew([begun.lease], A) == [Renewal.LOST]

    async def test_nothing_comes_with_a_suspect(self, broker: Broker) -> None:
        await start_one(broker)
        await broker.reclaim("mail", B, lease=0.0)
        await broker.send([message("2"), message("3", priority="critical")])
        assert [begun.lease.id for begun in await claim(broker, 10, B, alone=True)] == ["mail.1"]
        assert await names(broker, by=B) == ["3", "2"]

    async def test_what_was_read_and_never_begun_is_no_suspect(self, broker: Broker) -> None:
        await claim(broker)
        await broker.send([message("1")])
        await broker.listen("mail", A, 1.0)
        reclaimed = await broker.reclaim("mail", B, lease=0.0)
        assert (reclaimed.moved, reclaimed.suspects) == (1, 0)
        [begun] = await claim(broker, by=B)
        assert (begun.attempts, begun.crashes) == (1, 0)

    async def test_the_loser_of_a_lease_can_do_nothing(self, broker: Broker) -> None:
        begun = await start_one(broker)
        await broker.reclaim("mail", B, lease=0.0)
        assert await broker.settle([ended(begun)]) == [False]
        [second] = await claim(broker, by=B, alone=True)
        assert await broker.settle([ended(begun), again(begun, Verb.RETRY)]) == [False, False]
        assert await broker.note(begun.lease, b"{}") is False
        assert await broker.settle([ended(second)]) == [True]
        assert await broker.settle([ended(second)]) == [False]

    async def test_too_many_crashes_are_a_verdict(self, broker: Broker) -> None:
        await start_one(broker)
        for crashes in (1, 2):
            await broker.reclaim("mail", A, lease=0.0)
            [begun] = await claim(broker, alone=True)
            assert (begun.verdict, begun.crashes) == (Verdict.RUN, crashes)
        await broker.reclaim("mail", A, lease=0.0)
        [begun] = await claim(broker, alone=True)
        assert (begun.verdict, begun.attempts, begun.crashes) == (Verdict.CRASHED, 3, 3)
        assert await broker.settle([ended(begun, Phase.DEAD_LETTERED)]) == [True]

    async def test_a_crash_of_its_own_process_is_counted(self, broker: Broker) -> None:
        await broker.settle([again(await start_one(broker), Verb.CRASH)])
        [second] = await claim(broker)
        assert (second.attempts, second.crashes) == (2, 1)

    async def test_a_suspect_that_is_handed_back_stays_one(self, broker: Broker) -> None:
        await start_one(broker)
        await broker.reclaim("mail", A, lease=0.0)
        [begun] = await claim(broker, alone=True)
        await broker.settle([again(begun, Verb.RELEASE)])
        assert await claim(broker) == []
        assert len(await claim(broker, alone=True)) == 1


class TestSettle:
    async def test_an_end_is_recorded(self, broker: Broker) -> None:
        begun = await start_one(broker)
        await broker.settle([ended(begun, result=b"7", attempts=1, worker="worker-a")])
        [snapshot] = await broker.snapshots(["mail.1"])
        assert snapshot is not None
        assert snapshot.outcome is not None
        assert (snapshot.phase, snapshot.attempts, snapshot.worker) == (Phase.SUCCEEDED, 1, "worker-a")
        assert snapshot.outcome.result == b"7"

    async def test_a_result_is_kept_for_its_life(self, broker: Broker) -> None:
        await broker.settle([ended(await start_one(broker), life=0.05)])

        async def gone() -> bool:
            return await broker.snapshots(["mail.1"]) == [None]

        await wait_for(gone, "the result to expire")
        assert await broker.wait("mail.1") is None

    async def test_a_retry_waits_for_its_time(self, broker: Broker) -> None:
        await broker.settle([again(await start_one(broker), Verb.RETRY, delay=0.1)])
        [snapshot] = await broker.snapshots(["mail.1"])
        assert snapshot is not None
        assert snapshot.phase is Phase.RETRYING
        assert await claim(broker) == []
        due_in = await broker.promote("mail")
        assert due_in is not None
        assert 0 < due_in <= 0.1

        async def due() -> bool:
            await broker.promote("mail")
            return (await broker.depth(["mail"]))["mail"].ready == 1

        await wait_for(due, "the retry to become due")
        assert [begun.attempts for begun in await claim(broker)] == [2]

    async def test_phases_are_told(self, broker: Broker) -> None:
        await broker.send([message("1"), message("2", not_before=time.time() + 60)])
        await claim(broker, 1)
        phases = [snapshot and snapshot.phase for snapshot in await broker.snapshots(["mail.1", "mail.2", "mail.3"])]
        assert phases == [Phase.RUNNING, Phase.QUEUED, None]

    async def test_what_nobody_knows_waits_outside_the_depth(self, broker: Broker) -> None:
        await broker.settle([again(await start_one(broker), Verb.PARK)])
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.parked, depth.backlog) == (1, 0)
        [parked] = await broker.parked("mail", 10)
        await broker.unpark("mail", [parked.id])
        [second] = await claim(broker, by=B)
        assert second.attempts == 1

    async def test_the_outbox_holds_outcomes_of_resources(self, broker: Broker) -> None:
        await broker.send([message("1"), message("2")])
        first, second = await claim(broker)
        resource = ResourceRef("default", "a", "uid")
        await broker.settle([ended(first, resource=resource), ended(second)])
        [outcome] = await broker.outbox("mail", 10)
        assert outcome.id == "mail.1"
        await broker.clear([outcome])
        assert await broker.outbox("mail", 10) == []

    async def test_progress_is_shown(self, broker: Broker) -> None:
        begun = await start_one(broker)
        assert await broker.note(begun.lease, b'{"percent":50}') is True
        [snapshot] = await broker.snapshots(["mail.1"])
        assert snapshot is not None
        assert snapshot.progress == b'{"percent":50}'


class TestDepth:
    async def test_tells_what_waits_and_what_runs(self, broker: Broker) -> None:
        await broker.send([message(str(i)) for i in range(3)] + [message("later", not_before=time.time() + 60)])
        await claim(broker, 1)
        depth = (await broker.depth(["mail", "empty"]))["mail"]
        assert (depth.ready, depth.in_flight, depth.delayed, depth.due) == (2, 1, 1, 0)
        assert depth.consumers == {"a"}
        assert (await broker.depth(["mail"], horizon=120))["mail"].due == 1
        assert (await broker.depth(["empty"]))["empty"].backlog == 0


class TestWait:
    async def test_returns_when_the_task_ends(self, broker: Broker) -> None:
        begun = await start_one(broker)
        waiting = asyncio.create_task(broker.wait("mail.1"))
        await asyncio.sleep(0)
        await broker.settle([ended(begun, result=b"7")])
        outcome = await asyncio.wait_for(waiting, 10)
        assert outcome is not None
        assert outcome.result == b"7"

    async def test_returns_at_once_for_an_ended_task(self, broker: Broker) -> None:
        await broker.settle([ended(await start_one(broker))])
        assert (await asyncio.wait_for(broker.wait("mail.1"), 1)) is not None

    async def test_knows_what_it_does_not_know(self, broker: Broker) -> None:
        assert await asyncio.wait_for(broker.wait("mail.nobody"), 5) is None
        assert await broker.snapshots(["mail.nobody"]) == [None]

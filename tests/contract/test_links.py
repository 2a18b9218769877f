"""Tasks that wait for others, and ended ones of whose end others must hear."""

from __future__ import annotations

import asyncio
import time

import pytest

from penstock.broker import Broker
from penstock.broker.messages import Cancellation, Ended, Sent, Supply, Verb
from penstock.envelope import decode
from penstock.links import FAILURES_ONLY, UNKNOWN, Feed, Later, Links
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from tests.contract.messages import LIFE, again, cancelled, claim, ended, message, names, start_one
from tests.waiting import wait_for

FEEDS = Links(feeds=(Feed("mail.last", 0),))


def supply(number: int, value: bytes | None, unique: str = "last") -> Supply:
    failure = Failure("UpstreamFailed", "by the test")
    outcome = Outcome(id=f"mail.{unique}", task="", phase=Phase.FAILED, finished_at=time.time(), failure=failure)
    return Supply(f"mail.{unique}", number, value, outcome)


async def give(broker: Broker, *supplies: Supply) -> None:
    await broker.supply(supplies, life=LIFE)


async def blocked(broker: Broker, waits: int, unique: str = "last", /, **fields: object) -> None:
    links = Links(waits=waits, tolerant=bool(fields.pop("tolerant", False)), feeds=fields.pop("feeds", ()))  # type: ignore[arg-type]  # test data
    await broker.send([message(unique, links=links, **fields)])


async def phase(broker: Broker, unique: str = "last") -> Phase:
    [snapshot] = await broker.snapshots([f"mail.{unique}"])
    assert snapshot is not None
    return snapshot.phase


async def told_of(broker: Broker, patience: float = LIFE) -> list[Ended]:
    return await broker.take_ended("mail", 100, patience=patience)


class TestWaiting:
    async def test_it_is_ready_once_all_inputs_have_come(self, broker: Broker) -> None:
        await blocked(broker, 2)
        assert await phase(broker) is Phase.BLOCKED
        await give(broker, supply(1, b'"b"'))
        assert await names(broker) == []
        await give(broker, supply(0, b'"a"'))
        assert await phase(broker) is Phase.QUEUED
        assert await names(broker) == ["last"]
        assert await broker.inputs("mail.last") == {0: b'"a"', 1: b'"b"'}

    async def test_an_input_that_comes_twice_counts_once(self, broker: Broker) -> None:
        await blocked(broker, 2)
        await give(broker, supply(0, b"1"), supply(0, b"1"))
        await give(broker, supply(0, b"1"))
        assert await phase(broker) is Phase.BLOCKED
        await give(broker, supply(1, b"2"), supply(1, b"2"))
        assert await names(broker) == ["last"]

    async def test_inputs_that_come_too_late_do_nothing(self, broker: Broker) -> None:
        await blocked(broker, 1)
        await give(broker, supply(0, b"1"))
        [begun] = await claim(broker)
        await give(broker, supply(0, b"2"), supply(0, None))
        assert await phase(broker) is Phase.RUNNING
        await broker.settle([ended(begun)])
        await give(broker, supply(0, b"2"), supply(0, None), supply(0, b"1", "nobody"))
        assert await phase(broker) is Phase.SUCCEEDED

    async def test_it_waits_for_its_time_too(self, broker: Broker) -> None:
        await blocked(broker, 1, not_before=time.time() + 0.2)
        await give(broker, supply(0, b"1"))
        assert await names(broker) == []

        async def due() -> bool:
            await broker.promote("mail")
            return await names(broker) == ["last"]

        await wait_for(due, "it to become due")

    async def test_a_delay_of_its_own_begins_with_its_last_input(self, broker: Broker) -> None:
        links = Links(waits=1, later=Later(delay=0.2))
        await broker.send([message("last", links=links)])
        await give(broker, supply(0, b"1"))
        given = time.time()
        assert await phase(broker) is Phase.QUEUED
        assert await names(broker) == []

        async def due() -> bool:
            await broker.promote("mail")
            return await names(broker) == ["last"]

        await wait_for(due, "it to become due")
        assert time.time() - given > 0.15
        since = await broker.ready_since("mail.last")
        assert since is not None
        assert abs(since - given) < 0.1
        assert await broker.inputs("mail.last") == {0: b"1"}

    async def test_the_delay_of_one_that_need_not_wait_begins_at_once(self, broker: Broker) -> None:
        await broker.send([message("last", links=Links(later=Later(delay=60)))])
        await broker.promote("mail")
        assert await names(broker) == []
        assert (await broker.depth(["mail"]))["mail"].delayed == 1
        assert await broker.ready_since("mail.last") is None

    async def test_it_can_be_rescheduled_while_it_waits(self, broker: Broker) -> None:
        await broker.send([message("last", links=Links(waits=1, later=Later(delay=60)))])
        await broker.revise("mail.last", due=time.time())
        await give(broker, supply(0, b"1"))
        assert await names(broker) == ["last"]

    async def test_its_inputs_stay_for_the_next_attempt(self, broker: Broker) -> None:
        await blocked(broker, 1)
        await give(broker, supply(0, b"1"))
        [begun] = await claim(broker)
        await broker.settle([again(begun, Verb.RETRY)])
        assert await names(broker) == ["last"]
        assert await broker.inputs("mail.last") == {0: b"1"}

    async def test_it_is_sent_once_and_not_counted_as_waiting_for_a_worker(self, broker: Broker) -> None:
        await blocked(broker, 1)
        links = Links(waits=1)
        assert [receipt.sent for receipt in await broker.send([message("last", links=links)])] == [Sent.KNOWN]
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.blocked, depth.ready, depth.backlog) == (1, 0, 0)

    async def test_how_many_inputs_can_be_told_later(self, broker: Broker) -> None:
        await blocked(broker, UNKNOWN)
        await give(broker, supply(0, b"0"), supply(1, b"1"))
        assert await phase(broker) is Phase.BLOCKED
        assert await broker.expect("mail.last", 2)
        assert await names(broker) == ["last"]
        assert await broker.expect("mail.last", 2)

    async def test_no_inputs_at_all(self, broker: Broker) -> None:
        await blocked(broker, UNKNOWN)
        assert await broker.expect("mail.last", 0)
        assert await names(broker) == ["last"]
        assert not await broker.expect("mail.nobody", 0)

    async def test_tasks_that_have_waited_too_long_are_found(self, broker: Broker) -> None:
        await blocked(broker, 1)
        assert await broker.blocked("mail", 10, since=time.time() - 60) == []
        [found] = await broker.blocked("mail", 10, since=time.time() + 60)
        assert (found.id, decode(found.message).id) == ("mail.last", "mail.last")

    async def test_those_that_wait_on_come_last(self, broker: Broker) -> None:
        for unique in ("1", "2"):
            await blocked(broker, 1, unique)
        await asyncio.sleep(0.01)  # another millisecond
        await broker.linger("mail", ["mail.1", "mail.nobody"])
        found = await broker.blocked("mail", 10, since=time.time() + 60)
        assert [one.id for one in found] == ["mail.2", "mail.1"]


class TestFailure:
    async def test_a_failed_source_ends_what_waits(self, broker: Broker) -> None:
        await blocked(broker, 2)
        await give(broker, supply(0, b"1"))
        await give(broker, supply(1, None))
        outcome = await broker.wait("mail.last")
        assert outcome is not None
        assert (outcome.phase, outcome.failure) == (Phase.FAILED, Failure("UpstreamFailed", "by the test"))
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.blocked, depth.backlog) == (0, 1)  # its own end is still to be told
        [told] = await told_of(broker)
        assert (told.outcome, told.waits) == (outcome, 2)

    async def test_a_tolerant_task_gets_null_instead(self, broker: Broker) -> None:
        await blocked(broker, 2, tolerant=True)
        await give(broker, supply(0, b"1"), supply(1, None))
        assert await names(broker) == ["last"]
        assert await broker.inputs("mail.last") == {0: b"1", 1: b"null"}

    @pytest.mark.parametrize("tolerant", [False, True])
    async def test_who_only_hears_of_failure_gives_no_input(self, broker: Broker, tolerant: bool) -> None:
        await blocked(broker, 1, tolerant=tolerant)
        await give(broker, supply(FAILURES_ONLY, b"5"))
        assert await phase(broker) is Phase.BLOCKED

    async def test_a_blocked_task_can_be_cancelled(self, broker: Broker) -> None:
        await blocked(broker, 3)
        result, _ = await broker.cancel(cancelled("last"), reason="test", life=LIFE)
        assert result is Cancellation.CANCELLED
        [told] = await told_of(broker)
        assert (told.outcome.phase, told.waits) == (Phase.CANCELLED, 3)
        assert (await broker.depth(["mail"]))["mail"].blocked == 0

    async def test_a_blocked_task_can_be_withdrawn(self, broker: Broker) -> None:
        await blocked(broker, 3)
        assert await broker.withdraw("mail.last") is Cancellation.CANCELLED
        assert await broker.snapshots(["mail.last"]) == [None]
        assert await told_of(broker) == []


class TestTelling:
    async def test_the_end_of_a_linked_task_is_kept_until_it_was_told(self, broker: Broker) -> None:
        begun = await start_one(broker, links=FEEDS)
        settlement = ended(begun, result=b"42")
        await broker.settle([settlement])
        assert await told_of(broker) == []  # whoever settled it is about to
        [told] = await told_of(broker, patience=0)
        assert told == Ended(settlement.outcome, begun.message, [], 0)  # type: ignore[arg-type]  # it has one
        assert (await broker.depth(["mail"]))["mail"].ended == 1
        await broker.relayed("mail", [told])
        assert await told_of(broker, patience=0) == []

    async def test_others_are_of_no_concern(self, broker: Broker) -> None:
        await broker.settle([ended(await start_one(broker))])
        assert await told_of(broker, patience=0) == []

    async def test_what_one_has_taken_up_another_leaves_for_a_while(self, broker: Broker) -> None:
        await broker.send([message("1", links=FEEDS)])
        await broker.cancel(cancelled("1"), reason="test", life=LIFE)
        assert len(await told_of(broker)) == 1
        assert await told_of(broker) == []
        assert len(await told_of(broker, patience=0)) == 1

    async def test_a_retry_is_no_end(self, broker: Broker) -> None:
        begun = await start_one(broker, links=FEEDS)
        await broker.settle([again(begun, Verb.RETRY)])
        assert await told_of(broker, patience=0) == []
        [begun] = await claim(broker)
        await broker.settle([ended(begun, Phase.DEAD_LETTERED)])
        [told] = await told_of(broker, patience=0)
        assert told.outcome.phase is Phase.DEAD_LETTERED


class TestChildren:
    async def test_a_running_task_adopts_children(self, broker: Broker) -> None:
        begun = await start_one(broker)
        assert await broker.adopt(begun.lease, ["mail.a", "other.b"])
        assert await broker.adopt(begun.lease, ["mail.c"])
        await broker.settle([ended(begun, Phase.FAILED)])
        [told] = await told_of(broker)
        assert list(told.children) == ["mail.a", "other.b", "mail.c"]

    async def test_a_lost_lease_adopts_nobody(self, broker: Broker) -> None:
        begun = await start_one(broker)
        await broker.settle([again(begun, Verb.RELEASE)])
        assert not await broker.adopt(begun.lease, ["mail.a"])
        await claim(broker)
        assert not await broker.adopt(begun.lease, ["mail.a"])

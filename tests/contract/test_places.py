"""A place of a concurrency key belongs to the task that has it: none is given back twice, none is left behind, and the
next in line starts whatever becomes of those before it."""

from __future__ import annotations

import time

import pytest

from penstock.broker import Broker
from penstock.broker.messages import Begun, Limits, QueueConfig, Verb, Verdict
from penstock.status import Phase
from tests.contract.messages import A, B, again, cancelled, claim, ended, limited, message, names

FAR = 3600.0


async def one_running(broker: Broker, waiting: int = 2) -> Begun:
    """One task of the key runs; so many wait."""
    await limited(broker, concurrency_per_key=1)
    await broker.send([message(f"x{number}", key="x") for number in range(waiting + 1)])
    [first] = await claim(broker)
    assert (await broker.depth(["mail"]))["mail"].gated == waiting
    return first


async def live(broker: Broker) -> int:
    return (await broker.depth(["mail"]))["mail"].in_flight


class TestOutOfTurn:
    """The next in line goes away before a worker has taken it."""

    async def test_cancelled(self, broker: Broker) -> None:
        first = await one_running(broker)
        await broker.settle([ended(first)])
        await broker.cancel(cancelled("x1"), reason="user", life=60)
        assert await names(broker) == ["x2"]

    async def test_withdrawn(self, broker: Broker) -> None:
        first = await one_running(broker)
        await broker.settle([ended(first)])
        await broker.withdraw("mail.x1")
        assert await names(broker) == ["x2"]

    async def test_rescheduled(self, broker: Broker) -> None:
        first = await one_running(broker)
        await broker.settle([ended(first)])
        await broker.revise("mail.x1", due=time.time() + FAR)
        assert await names(broker) == ["x2"]

    async def test_replaced_by_a_call_with_another_key(self, broker: Broker) -> None:
        first = await one_running(broker)
        await broker.settle([ended(first)])
        await broker.revise("mail.x1", message=message("x1", key="y"))
        assert sorted(await names(broker)) == ["x1", "x2"]

    async def test_read_and_put_back(self, broker: Broker) -> None:
        first = await one_running(broker, 1)
        await broker.settle([ended(first)])
        read = await broker.listen("mail", B, 1.0)
        assert [delivery.id for delivery in read] == ["mail.x1"]
        await broker.unclaim(read)
        await broker.send([message("x9", key="x")])
        assert await names(broker) == ["x1"]

    async def test_a_later_one_cannot_take_its_place(self, broker: Broker) -> None:
        first = await one_running(broker, 1)
        await broker.settle([ended(first)])
        await broker.send([message("urgent", key="x", priority="critical")])
        assert await names(broker) == ["x1"]


class TestGivenBackOnce:
    async def test_what_has_crashed_too_often_frees_no_place_of_another(self, broker: Broker) -> None:
        await broker.configure("mail", QueueConfig(limits=Limits(concurrency_per_key=1), max_crashes=1))
        await broker.send([message(f"x{number}", key="x") for number in range(3)])
        await claim(broker)
        await broker.reclaim("mail", B, lease=0.0)
        assert await names(broker, by=B) == ["x1"]
        [crashed] = await claim(broker, by=B, alone=True)
        assert crashed.verdict is Verdict.CRASHED
        await broker.settle([ended(crashed, Phase.DEAD_LETTERED)])
        assert await names(broker, by=B) == []

    async def test_what_was_cancelled_meanwhile_frees_no_place_of_another(self, broker: Broker) -> None:
        first = await one_running(broker)
        await broker.cancel(cancelled("x0"), reason="user", life=60)
        await broker.reclaim("mail", B, lease=0.0)
        assert await names(broker, by=B) == ["x1"]
        [told] = await claim(broker, by=B, alone=True)
        assert (told.lease.id, told.verdict) == (first.lease.id, Verdict.CANCELLED)
        await broker.settle([ended(told, Phase.CANCELLED)])
        assert await names(broker, by=B) == []

    async def test_a_late_settlement_frees_nothing(self, broker: Broker) -> None:
        first = await one_running(broker)
        await broker.reclaim("mail", B, lease=0.0)
        assert await names(broker, by=B) == ["x1"]
        assert await broker.settle([ended(first)]) == [False]
        assert await names(broker, by=B) == []


class TestChangedLimits:
    async def test_more_places_start_those_who_wait(self, broker: Broker) -> None:
        await one_running(broker, 4)
        await limited(broker, concurrency_per_key=3)
        assert await names(broker) == ["x1", "x2"]

    async def test_no_limit_any_more_starts_them_all(self, broker: Broker) -> None:
        await one_running(broker, 4)
        await broker.configure("mail", None)
        assert await names(broker) == ["x1", "x2", "x3", "x4"]

    async def test_of_many_keys_each_gets_its_due(self, broker: Broker) -> None:
        await limited(broker, concurrency_per_key=1)
        await broker.send([message(f"{key}{number}", key=key) for key in "abc" for number in range(3)])
        await claim(broker)
        await limited(broker, concurrency_per_key=2)
        assert sorted(await names(broker)) == ["a1", "b1", "c1"]

    async def test_fewer_places_hold_for_those_who_come(self, broker: Broker) -> None:
        await limited(broker, concurrency_per_key=2)
        await broker.send([message(f"x{number}", key="x") for number in range(4)])
        running = await claim(broker)
        await limited(broker, concurrency_per_key=1)
        await broker.settle([ended(running[0])])
        assert await names(broker) == []
        await broker.settle([ended(running[1])])
        assert await names(broker) == ["x2"]

    async def test_a_limit_that_comes_later_counts_what_runs(self, broker: Broker) -> None:
        await broker.send([message(f"x{number}", key="x") for number in range(2)])
        assert len(await claim(broker)) == 2
        await limited(broker, concurrency_per_key=1)
        await broker.send([message("x2", key="x")])
        assert await names(broker) == []

    @pytest.mark.parametrize("per_key", [True, False])
    async def test_another_rate_counts_at_once(self, broker: Broker, per_key: bool) -> None:
        await limited(broker, rate=1, period=FAR, rate_per_key=per_key)
        await broker.send([message(f"x{number}", key="x") for number in range(3)])
        assert await names(broker) == ["x0"]
        await broker.configure("mail", None)
        await broker.promote("mail")
        assert await names(broker) == ["x1", "x2"]

    async def test_another_rate_paces_those_who_wait_anew(self, broker: Broker) -> None:
        await limited(broker, rate=1, period=FAR, rate_per_key=True)
        await broker.send([message(f"x{number}", key="x") for number in range(5)])
        assert await names(broker) == ["x0"]
        await limited(broker, rate=1, period=FAR, rate_per_key=True, burst=2)
        await broker.promote("mail")
        assert await names(broker) == ["x1", "x2"]
        depth = (await broker.depth(["mail"]))["mail"]
        assert (depth.ready, depth.delayed) == (0, 2)


class TestSuspects:
    async def test_one_that_waited_for_its_key_runs_alone_all_the_same(self, broker: Broker) -> None:
        await one_running(broker, 1)
        await broker.reclaim("mail", B, lease=0.0)
        [running] = await claim(broker, by=B)
        assert await claim(broker, by=A, alone=True) == []  # its key's place is taken
        await broker.settle([ended(running)])
        await broker.send([message("free")])
        assert await names(broker, by=B) == ["free"]
        [suspect] = await claim(broker, by=A, alone=True)
        assert (suspect.lease.id, suspect.crashes) == ("mail.x0", 1)


@pytest.mark.parametrize("key", ["a\nb", "a\n", "\n", "50%", "%0A", "\x00", "ü" * 200, "a\nb\nc", "\x7f\xa0"])
async def test_any_text_may_be_a_key(broker: Broker, key: str) -> None:
    await limited(broker, concurrency_per_key=1)
    await broker.send([message(f"x{number}", key=key) for number in range(3)] + [message("y", key=key + "\n")])
    running = await claim(broker)
    assert [begun.lease.id for begun in running] == ["mail.x0", "mail.y"]
    for expected in ("mail.x1", "mail.x2"):
        await broker.settle([ended(running[0])])
        running = await claim(broker)
        assert [begun.lease.id for begun in running] == [expected]


async def test_every_way_to_put_a_task_back_gives_its_place_to_the_next(broker: Broker) -> None:
    for verb in (Verb.RETRY, Verb.RELEASE, Verb.PARK, Verb.CRASH):
        await limited(broker, concurrency_per_key=1)
        await broker.send([message(f"{verb}{number}", key=verb) for number in range(2)])
        [first] = await claim(broker)
        await broker.settle([again(first, verb, FAR if verb is not Verb.PARK else 0.0)])
        [second] = await claim(broker)
        assert second.lease.id == f"mail.{verb}1"
        await broker.settle([ended(second)])
        assert await live(broker) == 0


async def test_tasks_that_wait_for_their_key_hide_no_others(broker: Broker) -> None:
    await limited(broker, concurrency_per_key=1)
    await broker.send([message(f"x{number}", key="x") for number in range(300)] + [message("free")])
    assert sorted(await names(broker, 2)) == ["free", "x0"]

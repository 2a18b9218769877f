"""Changing tasks that wait, and what a running one keeps for its next attempt."""

from __future__ import annotations

import time

from penstock.broker import Broker
from penstock.broker.messages import Revision, Verb
from penstock.envelope import encode
from penstock.links import Links
from tests.contract.messages import again, claim, ended, message, names, start_one
from tests.contract.test_links import give, supply
from tests.waiting import wait_for


async def due(broker: Broker) -> bool:
    await broker.promote("mail")
    return await names(broker) == ["1"]


class TestRevising:
    async def test_a_ready_task_is_put_off(self, broker: Broker) -> None:
        await broker.send([message("1")])
        assert await broker.revise("mail.1", due=time.time() + 0.2) is Revision.REVISED
        assert await names(broker) == []
        assert (await broker.depth(["mail"]))["mail"].delayed == 1
        await wait_for(lambda: due(broker), "it to become due")

    async def test_a_delayed_task_is_let_go(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 60)])
        assert await broker.revise("mail.1", due=time.time()) is Revision.REVISED
        assert await names(broker) == ["1"]

    async def test_a_task_is_replaced_and_keeps_its_time(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 0.3)])
        other = message("1", payload=b"[[2],{}]", priority="high", key="k")
        assert await broker.revise("mail.1", message=other) is Revision.REVISED
        assert await names(broker) == []

        async def is_other() -> bool:
            await broker.promote("mail")
            return [begun.message for begun in await claim(broker)] == [encode(other)]

        await wait_for(is_other, "it to become due")

    async def test_a_ready_task_is_replaced(self, broker: Broker) -> None:
        await broker.send([message("1"), message("2")])
        other = message("2", payload=b"[[2],{}]", priority="critical")
        assert await broker.revise("mail.2", message=other) is Revision.REVISED
        assert [(begun.lease.id, b"[[2]" in begun.message) for begun in await claim(broker)] == [
            ("mail.2", True),
            ("mail.1", False),
        ]

    async def test_a_blocked_task_goes_on_waiting(self, broker: Broker) -> None:
        links = Links(waits=1)
        await broker.send([message("last", links=links)])
        other = message("last", payload=b"[[2],{}]", links=links)
        assert await broker.revise("mail.last", message=other) is Revision.REVISED
        assert await broker.revise("mail.last", due=time.time() + 60) is Revision.REVISED
        await give(broker, supply(0, b"1"))
        assert (await broker.depth(["mail"]))["mail"].delayed == 1
        assert await broker.revise("mail.last", due=time.time()) is Revision.REVISED
        assert [begun.message for begun in await claim(broker)] == [encode(other)]

    async def test_what_runs_or_has_ended_stays_as_it_is(self, broker: Broker) -> None:
        begun = await start_one(broker)
        assert await broker.revise("mail.1", due=time.time() + 60) is Revision.RUNNING
        await broker.settle([ended(begun)])
        assert await broker.revise("mail.1", due=time.time() + 60) is Revision.FINISHED
        assert await broker.revise("mail.2", due=time.time() + 60) is Revision.UNKNOWN


class TestCheckpoints:
    async def test_the_next_attempt_gets_it(self, broker: Broker) -> None:
        begun = await start_one(broker)
        assert begun.checkpoint == b""
        assert await broker.checkpoint(begun.lease, b'{"row":7}')
        assert await broker.checkpoint(begun.lease, b'{"row":8}')
        await broker.settle([again(begun, Verb.RETRY)])
        [begun] = await claim(broker)
        assert begun.checkpoint == b'{"row":8}'
        await broker.settle([again(begun, Verb.RELEASE)])
        [begun] = await claim(broker)
        assert begun.checkpoint == b'{"row":8}'

    async def test_a_lost_lease_keeps_nothing(self, broker: Broker) -> None:
        begun = await start_one(broker)
        await broker.settle([again(begun, Verb.RELEASE)])
        assert not await broker.checkpoint(begun.lease, b"1")
        [begun] = await claim(broker)
        assert begun.checkpoint == b""

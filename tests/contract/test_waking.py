"""Being told when something comes to a queue that had nothing: what wakes a pool without workers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import count

import pytest

from penstock.broker import Broker, connect
from penstock.broker.batch import BatchTerms, Hold
from penstock.broker.messages import Supply, Verb
from penstock.envelope import Envelope
from penstock.keys import batch_id, item_id
from penstock.links import Feed, Links
from penstock.outcome import Outcome
from penstock.status import Phase
from penstock.stopping import stopped
from tests.contract.messages import LIFE, again, cancelled, claim, ended, message, start_one
from tests.contract.proxy import proxied
from tests.contract.servers import Server, running
from tests.contract.test_cluster import Cluster, cluster
from tests.waiting import wait_for

__all__ = ["cluster"]

BATCH = batch_id("mail", "u")
_numbers = count()


class Ear:
    """What is heard of all namespaces."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.heard: list[tuple[str, str]] = []

    async def listen(self) -> None:
        async with aclosing(self._broker.wakes()) as wakes:
            async for where in wakes:
                self.heard.append(where)

    async def hears(self) -> None:
        """Return when the subscription stands."""

        async def heard() -> bool:
            queue = f"probe-{next(_numbers)}"
            await self._broker.doze(queue)
            await self._broker.send([Envelope(id=f"{queue}.1", task="a.b", queue=queue, created_at=1.0)])
            return bool(self.heard)

        await wait_for(heard, "something to be heard")
        await self.told()

    async def told(self) -> set[tuple[str, str]]:
        """What was heard before this call, and each but once."""
        queue = f"mark-{next(_numbers)}"
        assert await self._broker.doze(queue)
        await self._broker.send([Envelope(id=f"{queue}.1", task="a.b", queue=queue, created_at=1.0)])

        async def heard() -> bool:
            return any(name == queue for _, name in self.heard)

        await wait_for(heard, "the mark", patience=5)
        found = [where for where in self.heard if where[1] in ("mail", "other")]
        assert len(found) == len(set(found))
        self.heard.clear()
        return set(found)


@pytest.fixture
async def ear(broker: Broker) -> AsyncIterator[Ear]:
    ear = Ear(broker)
    listening = asyncio.create_task(ear.listen())
    await ear.hears()
    yield ear
    await stopped(listening)


def terms(**fields: object) -> BatchTerms:
    return BatchTerms(**{"id": BATCH, "life": LIFE, **fields})  # type: ignore[arg-type]  # test data


def items(number: int) -> list[Envelope]:
    return [
        Envelope(id=item_id(BATCH, index), task="shop.send", queue="mail", created_at=1.0) for index in range(number)
    ]


class TestAsking:
    async def test_nothing_is_told_unasked(self, broker: Broker, ear: Ear) -> None:
        await broker.send([message("1")])
        assert await ear.told() == set()

    async def test_the_first_task_is_told_and_no_other(self, broker: Broker, ear: Ear) -> None:
        assert await broker.doze("mail")
        await broker.send([message("1"), message("2")])
        await broker.send([message("3")])
        assert await ear.told() == {(broker.namespace, "mail")}

    async def test_it_can_be_asked_again(self, broker: Broker, ear: Ear) -> None:
        for unique in "12":
            assert await broker.doze("mail")
            assert await broker.doze("mail")
            await broker.settle([ended(await start_one(broker, unique))])
            assert len(await ear.told()) == 1

    async def test_where_there_is_something_to_do_nobody_dozes(self, broker: Broker, ear: Ear) -> None:
        await broker.send([message("1", not_before=time.time() + 60)])
        assert await broker.doze("mail")
        await broker.send([message("2")])
        assert len(await ear.told()) == 1
        assert not await broker.doze("mail")
        [begun] = await claim(broker)
        assert not await broker.doze("mail")
        await broker.settle([again(begun, Verb.PARK)])
        assert await broker.doze("mail")

    async def test_what_is_due_is_something_to_do(self, broker: Broker) -> None:
        await broker.send([message("1", not_before=time.time() + 0.1)])

        async def due() -> bool:
            return not await broker.doze("mail")

        await wait_for(due, "the task to be due", patience=5)

    async def test_word_to_be_passed_on_is_something_to_do(self, broker: Broker, ear: Ear) -> None:
        feeding = Links(feeds=(Feed("mail.last", 0),), waits=1)
        await broker.send([message("1", links=feeding)])
        assert await broker.doze("mail")
        await broker.cancel(cancelled("1"), reason="user", life=LIFE)
        assert len(await ear.told()) == 1
        assert not await broker.doze("mail")

    async def test_whoever_is_told_of_nothing_to_do_hears_of_the_task_that_came_meanwhile(
        self, broker: Broker, ear: Ear
    ) -> None:
        async def sent(queue: str) -> None:
            await broker.send([Envelope(id=f"{queue}.1", task="a.b", queue=queue, created_at=1.0)])

        queues = [f"race-{next(_numbers)}" for _ in range(100)]
        calls = (call for queue in queues for call in (broker.doze(queue), sent(queue), broker.doze(queue)))
        answers = await asyncio.gather(*calls)
        assert answers[2::3] == [False] * len(queues)
        dozing = {queue for queue, dozes in zip(queues, answers[::3], strict=True) if dozes}

        async def heard() -> bool:
            return dozing <= {queue for _, queue in ear.heard}

        await wait_for(heard, "all of them", patience=5)

    async def test_queues_and_namespaces_are_told_apart(self, broker: Broker, ear: Ear) -> None:
        elsewhere = broker.within(f"test-{uuid.uuid4().hex[:8]}")
        assert await broker.doze("other")
        assert await elsewhere.doze("mail")
        await broker.send([message("1")])
        assert await ear.told() == set()
        await elsewhere.send([message("1")])
        [(namespace, queue)] = await ear.told()
        assert queue == "mail"
        assert namespace == elsewhere.namespace


class TestWhatWakes:
    async def test_a_delayed_task(self, broker: Broker, ear: Ear) -> None:
        assert await broker.doze("mail")
        await broker.send([message("1", not_before=time.time() + 60)])
        assert len(await ear.told()) == 1

    async def test_what_was_known_or_refused_does_not(self, broker: Broker, ear: Ear) -> None:
        await broker.settle([ended(await start_one(broker))])
        assert await broker.doze("mail")
        await broker.send([message("1")])
        assert await ear.told() == set()

    async def test_items_of_a_batch(self, broker: Broker, ear: Ear) -> None:
        await broker.tend(terms(), create=True)
        assert await broker.doze("mail")
        await broker.send_items(items(3))
        assert len(await ear.told()) == 1

    async def test_a_batch_that_goes_on(self, broker: Broker, ear: Ear) -> None:
        await broker.tend(terms(hold=Hold.SUSPENDED), create=True)
        assert await broker.doze("mail")
        await broker.send_items(items(3))
        assert await ear.told() == set()
        await broker.tend(terms(), create=False)
        assert len(await ear.told()) == 1

    async def test_a_batch_that_is_run_again(self, broker: Broker, ear: Ear) -> None:
        await broker.tend(terms(), create=True)
        await broker.send_items(items(1))
        [begun] = await claim(broker)
        await broker.settle([ended(begun, Phase.FAILED)])
        assert await broker.doze("mail")
        await broker.retry_items(BATCH, 2, 10)
        assert len(await ear.told()) == 1

    async def test_dead_letters_that_are_replayed(self, broker: Broker, ear: Ear) -> None:
        await broker.settle([ended(await start_one(broker), Phase.DEAD_LETTERED)])
        assert await broker.doze("mail")
        await broker.purge("mail", ["mail.2"])
        assert await ear.told() == set()
        await broker.replay("mail", ["mail.1"])
        assert len(await ear.told()) == 1

    async def test_the_last_input_of_a_blocked_task(self, broker: Broker, ear: Ear) -> None:
        await broker.send([message("1", links=Links(waits=1))])
        assert await broker.doze("mail")
        end = Outcome(id="mail.1", task="", phase=Phase.FAILED, finished_at=1.0)
        await broker.supply([Supply("mail.1", 0, b"1", end)], life=LIFE)
        assert len(await ear.told()) == 1

    async def test_a_task_that_is_to_run_earlier(self, broker: Broker, ear: Ear) -> None:
        await broker.send([message("1", not_before=time.time() + 3600)])
        assert await broker.doze("mail")
        await broker.revise("mail.1", due=time.time())
        assert len(await ear.told()) == 1

    async def test_a_parked_task_that_somebody_knows(self, broker: Broker, ear: Ear) -> None:
        await broker.settle([again(await start_one(broker), Verb.PARK)])
        assert await broker.doze("mail")
        await broker.unpark("mail", ["mail.1"])
        assert len(await ear.told()) == 1


# --- Redis alone ----------------------------------------------------------------------------------------------------


async def test_a_subscription_that_was_lost_comes_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Server(tmp_path_factory.mktemp("redis"))
    with running(server):
        async with proxied(server.port) as proxy:
            broker, direct = connect(proxy.url, "test"), connect(server.url, "test")
            ear = Ear(direct)
            ear_of_proxy = Ear(broker)
            listening = asyncio.create_task(ear_of_proxy.listen())
            ear.heard = ear_of_proxy.heard
            await ear.hears()
            proxy.cut()
            await ear.hears()
            await stopped(listening)
            await broker.close()
            await direct.close()


async def test_it_is_heard_from_every_server_of_a_cluster(cluster: Cluster) -> None:
    broker = connect(cluster.url, "test")
    ear = Ear(broker)
    listening = asyncio.create_task(ear.listen())
    for _ in range(20):  # queues spread over all servers
        await ear.hears()
        await ear.told()
    await stopped(listening)
    await broker.close()

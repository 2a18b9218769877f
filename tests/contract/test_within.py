"""One server, seen by many namespaces through the same connections."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.broker import Broker, connect
from penstock.errors import Deposed
from penstock_operator.brokers import Brokers
from tests.contract.messages import A, claim, ended, message, names, start_one
from tests.contract.servers import Server, running
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that nobody else is connected to."""
    server = Server(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


@pytest.fixture
async def brokers(far: Server) -> AsyncIterator[Brokers]:
    brokers = Brokers(far.url)
    yield brokers
    await asyncio.wait_for(brokers.close(), 10)


@pytest.fixture
def other(broker: Broker) -> Broker:
    return broker.within(f"test-{uuid.uuid4().hex[:8]}")


def connections(server: Server) -> int:
    return len(server.admin.client_list()) - 1


class TestNamespaces:
    async def test_share_nothing(self, broker: Broker, other: Broker) -> None:
        assert other.namespace != broker.namespace
        await broker.send([message("1")])
        assert await claim(other) == []
        assert await other.snapshots(["mail.1"]) == [None]
        assert await names(broker) == ["1"]

    async def test_are_what_they_are_to_everybody(self, broker: Broker, other: Broker) -> None:
        await other.send([message("1")])
        again = broker.within(other.namespace)
        assert (await again.depth(["mail"]))["mail"].ready == 1
        back = again.within(broker.namespace)
        await back.send([message("2")])
        assert await names(broker) == ["2"]

    async def test_know_tasks_of_the_same_id(self, broker: Broker, other: Broker) -> None:
        """Whoever waits for one hears nothing of the other."""
        first, second = await start_one(broker), await start_one(other)
        waiting = [asyncio.create_task(one.wait("mail.1")) for one in (broker, other)]
        await asyncio.sleep(0)
        await other.settle([ended(second, result=b'"theirs"')])
        outcome = await asyncio.wait_for(waiting[1], 10)
        assert outcome is not None
        assert outcome.result == b'"theirs"'
        assert not waiting[0].done()
        await broker.settle([ended(first, result=b'"ours"')])
        outcome = await asyncio.wait_for(waiting[0], 10)
        assert outcome is not None
        assert outcome.result == b'"ours"'

    async def test_closing_one_closes_no_other(self, broker: Broker, other: Broker) -> None:
        await other.close()
        await broker.send([message("1")])
        assert await names(broker) == ["1"]
        await other.ping()


class TestManyNamespaces:
    async def test_are_one_connection(self, far: Server, brokers: Brokers) -> None:
        await asyncio.gather(*(brokers.of(f"n{number}").send([message("1")]) for number in range(1000)))
        assert connections(far) == 1
        depths = await asyncio.gather(*(brokers.of(f"n{number}").depth(["mail"]) for number in range(1000)))
        assert sum(depth["mail"].ready for depth in depths) == 1000
        assert connections(far) == 1
        await brokers.close()

        async def gone() -> bool:
            return connections(far) == 0

        await wait_for(gone, "the connection to be closed")

    async def test_outlive_a_redis_that_is_killed(self, far: Server, brokers: Brokers) -> None:
        for number in range(10):
            await brokers.of(f"n{number}").ping()
        far.kill()
        far.start()
        far.ready()

        async def works() -> bool:
            found = await asyncio.gather(
                *(brokers.of(f"n{number}").depth(["mail"]) for number in range(10)), return_exceptions=True
            )
            return not any(isinstance(depth, BaseException) for depth in found)

        await wait_for(works, "all namespaces to be readable again")
        assert connections(far) == 1

    async def test_each_has_a_leader_of_its_own(self, far: Server, brokers: Brokers) -> None:
        successor = Brokers(far.url)
        await brokers.lead(1, [("n1", "mail"), ("n2", "mail")])
        await successor.lead(2, [("n1", "mail")])
        with pytest.raises(Deposed):
            await brokers.of("n1").send([message("led")])
        await brokers.of("n2").send([message("led")])
        await successor.of("n2").begin_epoch("mail")
        with pytest.raises(Deposed):
            await brokers.of("n2").cordon("mail", ["worker-a"], 30)
        await successor.close()

    async def test_that_come_after_the_lead_are_led(self, far: Server, brokers: Brokers) -> None:
        await brokers.lead(1, [("early", "mail")])
        leader = connect(far.url, "late")
        leader.lead("penstock", 2)
        await leader.begin_epoch("mail")
        with pytest.raises(Deposed):
            await brokers.of("late").send([message("led")])
        assert (await brokers.of("late").claim("mail", A, 1)).begun == []
        await leader.close()

"""A claim whose answer was lost has started nothing: it counts neither as an attempt nor as a crash."""

from __future__ import annotations

from collections import Counter

from penstock import Penstock
from penstock.broker import Broker, connect
from penstock.broker.messages import Verb
from penstock.testing import worker
from tests.contract.messages import A, B, again, claim, ended, limited, message, names
from tests.contract.proxy import proxied
from tests.contract.servers import Server
from tests.waiting import wait_for


async def test_the_tasks_are_ready_again(broker: Broker) -> None:
    await broker.send([message("1"), message("2", key="x")])
    await claim(broker)  # and nobody hears what it brought
    assert await broker.relinquish("mail", A, []) == 2
    for begun in await claim(broker, by=B):
        assert (begun.attempts, begun.starts, begun.crashes) == (1, 1, 0)


async def test_after_any_number_of_lost_answers(broker: Broker) -> None:
    await broker.send([message("1")])
    for _ in range(5):
        await claim(broker)
        await broker.relinquish("mail", A, [])
    [begun] = await claim(broker)
    assert (begun.attempts, begun.crashes) == (1, 0)


async def test_what_runs_goes_on(broker: Broker) -> None:
    await broker.send([message("1"), message("2")])
    [first] = await claim(broker, 1)
    await claim(broker, 1)
    assert await broker.relinquish("mail", A, [first.lease]) == 1
    assert await names(broker, by=B) == ["2"]
    assert await broker.settle([again(first, Verb.RETRY)]) == [True]


async def test_what_others_hold_is_theirs(broker: Broker) -> None:
    await broker.send([message("1")])
    [begun] = await claim(broker, by=B)
    assert await broker.relinquish("mail", A, []) == 0
    assert await broker.settle([again(begun, Verb.RETRY)]) == [True]


async def test_what_was_only_read_is_ready_again_too(broker: Broker) -> None:
    await claim(broker)
    await broker.send([message("1")])
    await broker.listen("mail", A, 1.0)
    assert await broker.relinquish("mail", A, []) == 1
    assert await names(broker, by=B) == ["1"]


async def test_places_are_given_back(broker: Broker) -> None:
    await limited(broker, concurrency=1, concurrency_per_key=1)
    await broker.send([message("1", key="x"), message("2", key="x")])
    await claim(broker)
    await broker.relinquish("mail", A, [])
    assert len(await claim(broker, by=B)) == 1


async def test_a_suspect_stays_one(broker: Broker) -> None:
    await broker.send([message("1")])
    await claim(broker)
    await broker.reclaim("mail", B, lease=0.0)
    await claim(broker, by=B, alone=True)
    await broker.relinquish("mail", B, [])
    assert await names(broker, by=B) == []
    [begun] = await claim(broker, by=B, alone=True)
    assert (begun.attempts, begun.crashes) == (2, 1)


async def test_handing_back_counts_as_a_start_but_not_as_an_attempt(broker: Broker) -> None:
    await broker.send([message("1")])
    [begun] = await claim(broker)
    await broker.settle([again(begun, Verb.RELEASE)])
    [begun] = await claim(broker)
    assert (begun.attempts, begun.starts) == (1, 2)


async def test_parking_counts_as_neither(broker: Broker) -> None:
    await broker.send([message("1")])
    [begun] = await claim(broker)
    await broker.settle([again(begun, Verb.PARK)])
    await broker.unpark("mail", ["mail.1"])
    [begun] = await claim(broker)
    assert (begun.attempts, begun.starts) == (1, 1)


async def test_an_outcome_that_is_settled_again_was_settled(broker: Broker) -> None:
    """The answer to the first time was lost. Nothing is counted or written twice."""
    await broker.send([message("1")])
    [begun] = await claim(broker)
    end = ended(begun, result=b"1")
    assert await broker.settle([end, end]) == [True, True]
    assert await broker.settle([end]) == [True]
    assert (await broker.depth(["mail"]))["mail"].settled == 1
    assert await broker.settle([ended(begun, result=b"2")]) == [False]


async def test_a_worker_whose_answers_are_cut_off_runs_each_task_once(server: Server) -> None:
    """On a real connection: more answers to claims are lost than a task may have crashes."""
    async with proxied(server.port) as proxy:
        broker = connect(server.url, "cut")
        runs: Counter[int] = Counter()
        app = Penstock("mail", url=proxy.url, namespace="cut")

        @app.task(max_attempts=1)
        async def count(number: int) -> None:
            runs[number] += 1

        sender = Penstock("mail", url=server.url, namespace="cut")
        sender.task(name="mail.count")(count.definition.function)
        calls = [sender.tasks["mail.count"].s(number) for number in range(40)]
        async with worker(app, concurrency=4):
            for first in range(0, 40, 8):
                await sender.enqueue_many(calls[first : first + 8])
                proxy.cut_after = 700  # in the middle of an answer, wherever that is

            async def all_ran() -> bool:
                return len(runs) == len(calls)

            await wait_for(all_ran, "all to have run", patience=30)
        dead = await broker.dead_letters("mail", 100)
        await sender.close()
        await app.close()
        await broker.close()
    assert dead == []
    assert set(runs.values()) == {1}

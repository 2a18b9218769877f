"""A queue as its owner sees it."""

from __future__ import annotations

import time

import pytest

from penstock import ConfigurationError, Penstock
from penstock import queue as module
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Claimer, QueueConfig, Settlement, Verb
from penstock.envelope import Envelope
from penstock.outcome import Failure, Outcome
from penstock.queue import Queue
from penstock.status import Phase

WORKER = Claimer("w", "pod-1")


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker("test")


@pytest.fixture
def queue(broker: MemoryBroker) -> Queue:
    return Queue("mail", lambda: broker)


async def bury(broker: MemoryBroker, *uniques: str) -> list[str]:
    """These end in the dead letters, in this order."""
    ids = [f"mail.{unique}" for unique in uniques]
    await broker.send([Envelope(id=id, task="shop.send", queue="mail", created_at=time.time()) for id in ids])
    for begun in (await broker.claim("mail", WORKER, len(ids))).begun:
        failure = Failure("ValueError", "no such account")
        outcome = Outcome(
            id=begun.lease.id, task="shop.send", phase=Phase.DEAD_LETTERED, finished_at=time.time(), failure=failure
        )
        end = Settlement(lease=begun.lease, verb=Verb.END, phase=outcome.phase, outcome=outcome, life=60.0)
        assert await broker.settle([end]) == [True]
    return ids


async def test_it_shows_what_it_holds(broker: MemoryBroker, queue: Queue) -> None:
    await bury(broker, "1", "2")
    depth = await queue.depth()
    assert (depth.ready, depth.in_flight, depth.dead, depth.paused) == (0, 0, 2, False)


async def test_paused_it_accepts_tasks_and_starts_none(broker: MemoryBroker, queue: Queue) -> None:
    await queue.pause()
    await broker.send([Envelope(id="mail.1", task="shop.send", queue="mail", created_at=1.0)])
    assert (await queue.depth()).paused
    assert (await broker.claim("mail", WORKER, 9)).begun == []
    await queue.resume()
    assert len((await broker.claim("mail", WORKER, 9)).begun) == 1


async def test_new_settings_do_not_let_a_paused_queue_go_on(broker: MemoryBroker, queue: Queue) -> None:
    await queue.pause()
    await broker.configure("mail", QueueConfig(timeout=7.0))
    assert (await queue.depth()).paused


async def test_dead_letters_come_oldest_first_with_their_reason(broker: MemoryBroker, queue: Queue) -> None:
    ids = await bury(broker, "1", "2", "3")
    letters = await queue.dead_letters()
    assert [letter.id for letter in letters] == ids
    assert [letter.outcome.failure.message for letter in letters if letter.outcome and letter.outcome.failure] == [
        "no such account"
    ] * 3
    assert [letter.id for letter in await queue.dead_letters(limit=2)] == ids[:2]


async def test_a_replayed_one_starts_from_its_first_attempt(broker: MemoryBroker, queue: Queue) -> None:
    await bury(broker, "1", "2")
    assert await queue.replay(["mail.1"]) == 1
    [begun] = (await broker.claim("mail", WORKER, 9)).begun
    assert (begun.lease.id, begun.attempts) == ("mail.1", 1)
    assert [letter.id for letter in await queue.dead_letters()] == ["mail.2"]


async def test_all_of_them_are_replayed_in_batches(
    broker: MemoryBroker, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    await bury(broker, *map(str, range(5)))
    assert await queue.replay() == 5
    assert ((await queue.depth()).ready, (await queue.depth()).dead) == (5, 0)


async def test_purged_ones_are_forgotten(broker: MemoryBroker, queue: Queue) -> None:
    await bury(broker, "1", "2", "3")
    assert await queue.purge(["mail.1"]) == 1
    assert await queue.purge() == 2
    assert ((await queue.depth()).dead, (await queue.depth()).ready) == (0, 0)


@pytest.mark.parametrize("ids", [[], ["mail.nobody"]])
async def test_what_is_no_dead_letter_is_neither_replayed_nor_purged(
    broker: MemoryBroker, queue: Queue, ids: list[str]
) -> None:
    await bury(broker, "1")
    assert (await queue.replay(ids), await queue.purge(ids), (await queue.depth()).dead) == (0, 0, 1)


async def test_an_app_gives_its_own_queue_unless_asked_for_another() -> None:
    app = Penstock("shop", url="memory://")
    assert (app.queue().name, app.queue("mail").name) == ("shop", "mail")
    with pytest.raises(ConfigurationError, match="use up to 63 lower-case letters"):
        app.queue("Not A Queue")

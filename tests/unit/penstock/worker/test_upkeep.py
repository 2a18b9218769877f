from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import count

import pytest
from msgspec import structs

from penstock.broker.messages import Settlement, Verb
from penstock.envelope import encode
from penstock.status import Phase
from penstock.worker import upkeep as module
from penstock.worker.relay import Relay
from penstock.worker.upkeep import Upkeep
from tests.unit.penstock.worker.brokers import DEAD, ME, FlakyBroker, begun, message
from tests.waiting import wait_for

LEASE = 0.08


class Rig:
    def __init__(self) -> None:
        self.broker = FlakyBroker()
        self.suspects = 0
        self.announced: list[bytes] = []
        relay = Relay(self.broker, time.time)
        self.upkeep = Upkeep(
            self.broker, "mail", ME, LEASE, lambda data: b"shop.send" in data, self._suspects, self._announce, relay
        )

    def _suspects(self) -> None:
        self.suspects += 1

    def _announce(self, messages: Sequence[bytes]) -> None:
        self.announced += messages

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        async def holds() -> bool:
            return condition()

        await wait_for(holds, what, patience=5)

    async def ready(self, expected: int) -> None:
        async def is_so() -> bool:
            return (await self.broker.depth(["mail"]))["mail"].ready == expected

        await wait_for(is_so, f"{expected} ready messages", patience=5)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@asynccontextmanager
async def at(chore: Callable[[], Coroutine[object, object, None]]) -> AsyncIterator[float]:
    """While it is done. Gives when it began."""
    task = asyncio.create_task(chore())
    try:
        yield time.monotonic()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class TestReclaim:
    async def test_what_a_dead_worker_left_is_put_back_as_a_suspect(self, rig: Rig) -> None:
        await begun(rig.broker, claimer=DEAD)
        async with at(rig.upkeep.reclaim):
            await rig.until(lambda: rig.suspects > 0, "the suspect to be told")
        assert (await rig.broker.depth(["mail"]))["mail"].in_flight == 0

    async def test_nothing_is_taken_before_a_whole_lease_of_contact(self, rig: Rig) -> None:
        async with at(rig.upkeep.reclaim) as began:
            await rig.until(lambda: bool(rig.broker.times["reclaim"]), "the first look")
        assert rig.broker.times["reclaim"][0] - began >= LEASE

    @pytest.mark.parametrize("method", ["ping", "reclaim"])
    async def test_after_an_outage_it_begins_anew(self, rig: Rig, method: str) -> None:
        async with at(rig.upkeep.reclaim):
            await rig.until(lambda: bool(rig.broker.times["reclaim"]), "the first look")
            rig.broker.outages[method] = 2
            await rig.until(lambda: len(rig.broker.failures[method]) == 2, "the outage to pass")
            last = rig.broker.failures[method][-1]
            await rig.until(lambda: rig.broker.times["reclaim"][-1] > last, "the next look")
        again = next(moment for moment in rig.broker.times["reclaim"] if moment > last)
        assert again - last >= LEASE

    async def test_an_answer_that_comes_late_tells_of_an_outage(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Redis stood still: who runs something elsewhere couldn't renew either."""
        ping, answered = rig.broker.ping, list[float]()

        async def late() -> None:
            if rig.broker.times["reclaim"] and not answered:
                await asyncio.sleep(2 * LEASE)
                answered.append(time.monotonic())
            await ping()

        monkeypatch.setattr(rig.broker, "ping", late)
        async with at(rig.upkeep.reclaim):
            await rig.until(lambda: bool(answered), "the late answer")
            await rig.until(lambda: rig.broker.times["reclaim"][-1] > answered[0], "the next look")
        assert next(moment for moment in rig.broker.times["reclaim"] if moment > answered[0]) - answered[0] >= LEASE

    async def test_a_worker_that_was_frozen_begins_anew(self, rig: Rig) -> None:
        async with at(rig.upkeep.reclaim):
            await rig.until(lambda: bool(rig.broker.times["reclaim"]), "the first look")
            time.sleep(2 * LEASE)  # noqa: ASYNC251 — as SIGSTOP would
            thawed = time.monotonic()
            await rig.until(lambda: rig.broker.times["reclaim"][-1] > thawed, "the next look")
        assert next(moment for moment in rig.broker.times["reclaim"] if moment > thawed) - thawed >= LEASE

    async def test_while_nobody_died_nobody_is_isolated(self, rig: Rig) -> None:
        async with at(rig.upkeep.reclaim):
            await rig.until(lambda: len(rig.broker.times["reclaim"]) >= 3, "three looks")
        assert rig.suspects == 0


class TestPromote:
    async def test_what_is_due_becomes_ready_close_to_its_time(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LONGEST_SLEEP_SECONDS", 3600)
        due = time.time() + 0.05
        await rig.broker.send([structs.replace(message("1"), not_before=due)])
        async with at(rig.upkeep.promote):
            await rig.ready(1)
        assert time.time() >= due

    async def test_what_comes_later_is_seen(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LONGEST_SLEEP_SECONDS", 0.01)
        async with at(rig.upkeep.promote):
            await rig.broker.send([structs.replace(message("1"), not_before=time.time() + 0.02)])
            await rig.ready(1)

    async def test_what_this_worker_lays_aside_is_seen_at_once(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LONGEST_SLEEP_SECONDS", 3600)
        async with at(rig.upkeep.promote):
            await rig.until(lambda: rig.broker.calls["promote"] == 1, "the first look")
            await rig.broker.send([structs.replace(message("1"), not_before=time.time() + 0.02)])
            rig.upkeep.delayed()
            await rig.ready(1)

    async def test_an_outage_is_waited_out(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LONGEST_SLEEP_SECONDS", 0.01)
        rig.broker.outages["promote"] = 3
        await rig.broker.send([structs.replace(message("1"), not_before=time.time() + 0.01)])
        async with at(rig.upkeep.promote):
            await rig.ready(1)
        assert rig.broker.outages["promote"] == 0


class TestUnpark:
    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PARKED_SECONDS", 0.01)

    async def park(self, rig: Rig, unique: str, task: str) -> None:
        await rig.broker.send([message(unique, task=task)])
        [start] = (await rig.broker.claim("mail", DEAD, 1)).begun
        await rig.broker.settle([Settlement(lease=start.lease, verb=Verb.PARK, phase=Phase.QUEUED)])

    async def test_only_what_this_worker_wants_is_taken_up(self, rig: Rig) -> None:
        await self.park(rig, "1", "shop.send")
        await self.park(rig, "2", "shop.other")
        rig.broker.outages["parked"] = 2
        async with at(rig.upkeep.unpark):
            await rig.ready(1)
        assert [delivery.id for delivery in await rig.broker.parked("mail", 10)] == ["mail.2"]


class TestBroadcasts:
    async def test_what_is_told_is_announced_at_once_and_once(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "BROADCAST_SECONDS", 3600)
        numbers = map(str, count())
        async with at(rig.upkeep.broadcasts):
            await rig.until(lambda: rig.broker.calls["broadcasts"] > 0, "the first look")
            for expected in (1, 2):
                await rig.broker.broadcast(message(next(numbers)))
                rig.upkeep.told()
                await rig.until(lambda: len(rig.announced) >= expected, "it to be announced")  # noqa: B023
        assert len(rig.announced) == 2

    async def test_what_nobody_told_is_found_too(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "BROADCAST_SECONDS", 0.01)
        async with at(rig.upkeep.broadcasts):
            await rig.until(lambda: rig.broker.calls["broadcasts"] > 0, "the first look")
            rig.broker.outages["broadcasts"] = 2
            sent = message("1")
            await rig.broker.broadcast(sent)
            await rig.until(lambda: bool(rig.announced), "it to be announced")
        assert rig.announced == [encode(sent)]

    async def test_what_was_sent_before_is_not_for_this_worker(self, rig: Rig) -> None:
        await rig.broker.broadcast(message("1"))
        async with at(rig.upkeep.broadcasts):
            await rig.until(lambda: rig.broker.calls["broadcasts"] > 0, "the first look")
        assert rig.announced == []


async def test_the_queue_is_tidied_now_and_then(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIDY_SECONDS", 0.001)
    rig.broker.outages["tidy"] = 1
    async with at(rig.upkeep.tidy):
        await rig.until(lambda: len(rig.broker.times["tidy"]) >= 2, "it to be tidied")

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from penstock.broker.messages import Attendance
from penstock.definition import Definition, Options
from penstock.envelope import encode
from penstock.stopping import stopped
from penstock.worker import intake as intake_module
from penstock.worker import presence as module
from penstock.worker.intake import Intake
from penstock.worker.presence import Presence
from tests.unit.penstock.worker.bench import Bench, bench
from tests.unit.penstock.worker.brokers import ME, OTHER, abandoned, message
from tests.waiting import wait_for

LONG = 3600.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(intake_module, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.002)


class Post:
    """A worker of two queues, "mail" (its home) and "other"."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.broker = bench.broker
        self.intakes = [
            Intake(bench.broker, queue, order, ME, bench.slots, bench.runner)
            for order, queue in enumerate(("mail", "other"))
        ]
        self.presence = Presence(bench.broker, "mail", ME, self.intakes, bench.runner)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.presence.arrive()
        self._tasks = [asyncio.create_task(intake.run()) for intake in self.intakes]
        self.attending = asyncio.create_task(self.presence.attend())

    async def stop(self) -> None:
        """As a worker does that drains."""
        for intake in self.intakes:
            intake.stop()
        self.bench.slots.close()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 5)
        await stopped(self.attending)

    async def cordon(self, seconds: float = LONG) -> None:
        """Word of it comes as a signal."""
        await self.broker.cordon("mail", ["worker"], seconds)
        self.presence.told()

    async def seen(self) -> Attendance:
        [found] = (await self.broker.depth(["mail"]))["mail"].workers
        return found

    async def rests(self) -> bool:
        return any(one.resting for one in (await self.broker.depth(["mail"]))["mail"].workers)

    async def comes_to_rest(self) -> None:
        await wait_for(self.rests, "the worker to rest", patience=5)

    async def ready(self, queue: str = "mail") -> int:
        depth = (await self.broker.depth([queue]))[queue]
        assert depth.in_flight == 0
        return depth.ready

    async def hears(self, times: int = 2) -> None:
        """Until it has attended so often again."""
        await self.called("attend", self.broker.calls["attend"] + times)

    async def called(self, method: str, times: int) -> None:
        await until(lambda: self.broker.calls[method] >= times, f"{times} calls of {method}")


async def until(condition: Callable[[], bool], what: str) -> None:
    async def holds() -> bool:
        return condition()

    await wait_for(holds, what, patience=5)


@asynccontextmanager
async def posted(places: int = 2) -> AsyncIterator[Post]:
    async with bench(places) as b:
        post = Post(b)
        post.start()
        try:
            yield post
        finally:
            await post.stop()


class TestArriving:
    async def test_it_asks_before_it_claims(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            b.broker.outages["attend"] = 3
            post = Post(b)
            post.start()
            await b.reach(1)
            await post.stop()
            assert b.broker.times["attend"][0] < b.broker.times["claim"][0]
            assert len(b.broker.failures["attend"]) == 3

    async def test_one_that_is_to_go_begins_nothing(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            await b.broker.cordon("mail", ["worker"], LONG)
            post = Post(b)
            post.start()
            await post.called("attend", 1)
            await post.comes_to_rest()
            await post.stop()
            assert (b.started, b.broker.calls["claim"], b.broker.calls["listen"]) == ([], 0, 0)

    async def test_where_nobody_answers_it_works_on_some_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "FIRST_SECONDS", 0.1)
        async with bench() as b:
            await b.broker.send([message("1", "other")])
            b.broker.outages["attend"] = 1_000_000
            post = Post(b)
            post.start()
            await b.reach(1)
            await post.stop()


class TestWorking:
    async def test_it_tells_what_it_runs(self) -> None:
        async with posted() as post:
            await post.hears()
            assert (await post.seen()).busy == 0
            await post.broker.send([message("1"), message("2")])
            await post.bench.reach(2)
            await post.hears()
            found = await post.seen()
            assert (found.consumer, found.worker, found.busy, found.resting) == (ME.consumer, ME.worker, 2, False)

    async def test_others_cordons_are_none_of_its_business(self) -> None:
        async with posted() as post:
            await post.broker.cordon("mail", ["another"], LONG)
            await post.hears()
            await post.broker.send([message("1")])
            await post.bench.reach(1)

    async def test_an_outage_stops_nothing(self) -> None:
        async with posted() as post:
            await post.hears()
            post.broker.outages["attend"] = 1_000_000
            await post.hears()
            await post.broker.send([message("1")])
            await post.bench.reach(1)


class TestResting:
    async def test_an_idle_worker_rests_and_begins_nothing(self) -> None:
        async with posted() as post:
            await post.hears()
            await post.cordon()
            await post.comes_to_rest()
            claims, reads = post.broker.calls["claim"], post.broker.calls["listen"]
            await post.broker.send([message("1"), message("2", "other")])
            await post.hears(5)
            assert (post.bench.started, await post.ready(), await post.ready("other")) == ([], 1, 1)
            assert (post.broker.calls["claim"], post.broker.calls["listen"]) == (claims, reads)

    async def test_it_rests_once_what_it_runs_has_ended_and_was_settled(self) -> None:
        async with posted() as post:
            await post.broker.send([message("1"), message("2")])
            await post.bench.reach(2)
            await post.cordon()
            await post.broker.send([message("3")])
            await post.hears()
            assert not await post.rests()
            post.broker.outages["settle"] = 4
            post.bench.finish("1", "2")
            await until(lambda: not post.bench.running, "the tasks to end")
            assert not await post.rests()
            await post.comes_to_rest()
            assert (post.broker.outages["settle"], await post.ready()) == (0, 1)

    async def test_one_that_waits_for_a_place_claims_nothing_with_it(self) -> None:
        async with posted(1) as post:
            await post.broker.send([message("1"), message("2"), message("3", "other")])
            await post.bench.reach(1)
            await post.cordon()
            await post.hears()
            post.bench.finish("1")
            await post.comes_to_rest()
            assert (post.bench.started, await post.ready(), await post.ready("other")) == (["mail.1"], 1, 1)

    async def test_what_is_read_meanwhile_goes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("penstock.broker.memory.working.LISTEN_SECONDS", LONG)
        monkeypatch.setattr(intake_module, "WAIT_SECONDS", LONG)
        async with posted() as post:
            await post.called("listen", 2)
            await post.cordon()
            await post.hears()
            assert not await post.rests()
            await post.broker.send([message("1"), message("2", "other")])
            await post.comes_to_rest()
            assert (post.bench.started, await post.ready(), await post.ready("other")) == ([], 1, 1)
            assert post.broker.calls["unclaim"] == 2

    async def test_what_was_started_before_its_claim_was_answered_runs_to_its_end(self) -> None:
        async with posted() as post:
            post.broker.slow = asyncio.Event()
            await post.called("listen", 2)
            await post.broker.send([message("1")])
            await post.bench.reach(1)
            await post.cordon()
            post.bench.finish("1")
            await post.hears(5)
            assert not await post.rests()
            post.broker.slow.set()
            await post.comes_to_rest()
            assert (await post.bench.outcome()).attempts == 1

    async def test_what_others_left_can_be_put_back(self) -> None:
        async with posted() as post:
            await post.hears()
            await post.cordon()
            await post.comes_to_rest()
            await abandoned(post.broker, "1")
            for intake in post.intakes:
                intake.isolate()
            await post.hears()
            assert (await post.rests(), await post.ready(), post.bench.started) == (True, 1, [])

    async def test_it_says_so_at_once_of_a_cordon_that_was_made_longer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with posted() as post:
            await post.hears()
            monkeypatch.setattr(module, "INTERVAL_SECONDS", LONG)
            over = time.time() + 0.5
            await post.cordon(0.5)
            await post.comes_to_rest()
            await post.cordon()
            await until(lambda: time.time() > over + 0.1, "the end of the shorter one")
            assert await post.rests()

    async def test_broadcasts_run_all_the_same(self) -> None:
        async with posted() as post:
            await post.hears()
            await post.cordon()
            await post.comes_to_rest()
            heard: list[str] = []
            post.bench.tasks["shop.all"] = Definition("shop.all", lambda: heard.append("it"), Options("mail"))
            post.bench.runner.announce([encode(structs.replace(message("1"), task="shop.all"))])
            await until(lambda: heard == ["it"], "the broadcast")
            await post.comes_to_rest()


class TestGoingOn:
    async def test_at_once_when_it_is_lifted(self) -> None:
        async with posted() as post:
            await post.cordon()
            await post.comes_to_rest()
            await post.broker.send([message("1"), message("2", "other")])
            await post.cordon(0)
            await post.bench.reach(2)
            await post.hears()
            found = await post.seen()
            assert (found.busy, found.resting) == (2, False)

    async def test_without_a_signal_soon(self) -> None:
        async with posted() as post:
            await post.broker.cordon("mail", ["worker"], LONG)
            await post.comes_to_rest()
            await post.broker.cordon("mail", ["worker"], 0)
            await post.broker.send([message("1")])
            await post.bench.reach(1)

    async def test_at_the_end_of_the_cordon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with posted() as post:
            await post.hears()
            monkeypatch.setattr(module, "INTERVAL_SECONDS", LONG)
            await post.cordon(0.2)
            await post.broker.send([message("1")])
            await post.bench.reach(1)

    async def test_at_its_end_by_the_own_clock_if_nobody_answers(self) -> None:
        async with posted() as post:
            await post.cordon(0.3)
            await post.comes_to_rest()
            post.broker.outages["attend"] = 1_000_000
            await post.broker.send([message("1")])
            await post.hears()
            assert post.bench.started == []
            await post.bench.reach(1)

    async def test_again_and_again(self) -> None:
        async with posted() as post:
            for number in range(20):
                await post.cordon()
                await post.broker.send([message(str(number))])
                await post.comes_to_rest()
                assert len(post.bench.started) == number
                await post.cordon(0)
                await post.bench.reach(number + 1)
                post.bench.finish(str(number))
                await post.bench.idle()

    async def test_one_that_rests_can_be_stopped(self) -> None:
        async with bench() as b:
            post = Post(b)
            post.start()
            await post.cordon()
            await post.comes_to_rest()
            await asyncio.wait_for(post.stop(), 1)

    async def test_one_that_was_told_while_it_stops_is_stopped(self) -> None:
        async with bench() as b:
            post = Post(b)
            post.start()
            await post.hears()
            for intake in post.intakes:
                intake.stop()
            await post.cordon()
            await post.hears()
            await post.cordon(0)
            await asyncio.wait_for(post.stop(), 1)


async def test_the_own_word_is_not_anothers() -> None:
    """Two processes of a worker are cordoned together, and each rests for itself."""
    async with posted() as post:
        another = structs.replace(OTHER, worker=ME.worker)
        await post.broker.attend("mail", another, 1)
        await post.cordon()

        async def one_rests() -> bool:
            found = {one.consumer: one.resting for one in (await post.broker.depth(["mail"]))["mail"].workers}
            return found == {ME.consumer: True, another.consumer: False}

        await wait_for(one_rests, "the one to rest", patience=5)

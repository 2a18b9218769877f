from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.broker.messages import Begun, Lease, Verdict
from penstock.envelope import Envelope
from penstock.errors import NotConnected
from penstock.progress import Progress
from penstock.retry import RetryPolicy
from penstock.worker import progress as module
from penstock.worker.attempt import Attempt, Limit
from penstock.worker.outage import Outage
from penstock.worker.policy import Policy
from penstock.worker.progress import report_progress
from tests.waiting import wait_for

Word = tuple[str, float | None, str]


def attempt(unique: str = "1") -> Attempt:
    envelope = Envelope(id=f"shop.{unique}", task="shop.f", queue="shop", created_at=1.0)
    begun = Begun(Lease("shop", envelope.id, "n"), Verdict.RUN, b"", 1, 0, 1.0, 1.0)
    now = asyncio.get_running_loop().time()
    return Attempt(envelope, begun, None, Limit(None), Policy(RetryPolicy(), None, 60.0), told_at=now)


class Desk:
    """What runs, and what was published of it."""

    def __init__(self) -> None:
        self.running: list[Attempt] = []
        self.words: list[Word] = []
        self.outages = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = asyncio.Event()

    async def publish(self, attempt: Attempt) -> None:
        self.busy.set()
        await self.gate.wait()
        if self.outages > 0:
            self.outages -= 1
            raise NotConnected("nothing answers")
        said = attempt.said
        self.words.append((attempt.envelope.id, said.percent, said.message))

    async def reach(self, word: Word) -> None:
        async def said() -> bool:
            return word in self.words

        await wait_for(said, f"{word} to be published", patience=5)

    @asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        task = asyncio.create_task(report_progress(lambda: self.running, self.publish, Outage()))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.005)
    return Desk()


async def test_that_it_runs_is_news(desk: Desk) -> None:
    desk.running.append(attempt())
    async with desk.reporting():
        await desk.reach(("shop.1", None, ""))


async def test_its_first_word_is_told_at_the_next_look(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 3600)
    talker = attempt()
    talker.tell(Progress(50, "half"))
    desk.running.append(talker)
    async with desk.reporting():
        await desk.reach(("shop.1", 50, "half"))


async def test_a_short_task_that_says_nothing_costs_no_report(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 3600)
    short, old = attempt("short"), attempt("old")
    old.told_at -= 3600
    desk.running += [short, old]
    async with desk.reporting():
        await desk.reach(("shop.old", None, ""))
    assert [id for id, *_ in desk.words] == ["shop.old"]


async def test_only_the_latest_word_is_published(desk: Desk) -> None:
    one = attempt()
    for percent in range(100):
        one.tell(Progress(percent, ""))
    desk.running.append(one)
    async with desk.reporting():
        await desk.reach(("shop.1", 99, ""))
    assert desk.words == [("shop.1", 99, "")]


async def test_the_same_is_not_said_twice(desk: Desk) -> None:
    one, other = attempt("1"), attempt("2")
    desk.running.append(one)
    async with desk.reporting():
        one.tell(Progress(1, "one"))
        await desk.reach(("shop.1", 1, "one"))
        desk.running.append(other)
        await desk.reach(("shop.2", None, ""))
        one.tell(Progress(2, "two"))
        await desk.reach(("shop.1", 2, "two"))
    assert desk.words == [("shop.1", 1, "one"), ("shop.2", None, ""), ("shop.1", 2, "two")]


async def test_no_task_is_told_of_more_often_than_once_an_interval(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 3600)
    talker, witness = attempt("talker"), attempt("witness")
    talker.told_at -= 3600
    desk.running.append(talker)
    async with desk.reporting():
        await desk.reach(("shop.talker", None, ""))
        talker.tell(Progress(50, "more"))
        witness.told_at -= 3600
        desk.running.append(witness)
        await desk.reach(("shop.witness", None, ""))
    assert ("shop.talker", 50, "more") not in desk.words


async def test_a_thread_may_tell(desk: Desk) -> None:
    one = attempt()
    desk.running.append(one)
    thread = threading.Thread(target=one.tell, args=(Progress(50, "from a thread"),))
    thread.start()
    async with desk.reporting():
        await desk.reach(("shop.1", 50, "from a thread"))
    thread.join()


async def test_an_outage_does_not_silence_it(desk: Desk) -> None:
    desk.outages = 1
    one = attempt()
    desk.running.append(one)
    async with desk.reporting():

        async def failed() -> bool:
            return desk.outages == 0

        await wait_for(failed, "the first report to fail", patience=5)
        one.tell(Progress(7, ""))
        await desk.reach(("shop.1", 7, ""))


async def test_nothing_is_said_after_the_end(desk: Desk) -> None:
    slow, ended = attempt("slow"), attempt("ended")
    witness = attempt("witness")
    desk.gate.clear()
    desk.running += [slow, ended]
    async with desk.reporting():
        await asyncio.wait_for(desk.busy.wait(), 5)  # the first of the two is being published …
        desk.running.remove(ended)  # … while the second ends
        desk.running.append(witness)
        desk.gate.set()
        await desk.reach(("shop.witness", None, ""))
    assert "shop.ended" not in [id for id, *_ in desk.words]

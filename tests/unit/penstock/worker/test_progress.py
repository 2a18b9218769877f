from __future__ import annotations

import asyncio
import threading

import pytest

from penstock.errors import NotConnected
from penstock.worker import progress as module
from penstock.worker.progress import Progress
from tests.waiting import wait_for

Word = tuple[float | None, str]


class Published:
    def __init__(self) -> None:
        self.words: list[Word] = []
        self.outages = 0

    async def __call__(self, percent: float | None, message: str) -> None:
        if self.outages > 0:
            self.outages -= 1
            raise NotConnected("nothing answers")
        self.words.append((percent, message))

    async def reach(self, word: Word) -> None:
        async def said() -> bool:
            return word in self.words

        await wait_for(said, f"{word} to be published", patience=5)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.005)
    return Published()


async def test_that_it_runs_is_news(published: Published) -> None:
    progress = Progress(published)
    await published.reach((None, ""))
    await progress.end()


async def test_a_short_task_costs_no_report(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 3600)
    progress = Progress(published)
    progress.tell(100, "done")
    await asyncio.sleep(0)
    await progress.end()
    assert published.words == []


async def test_only_the_latest_word_is_published(published: Published) -> None:
    progress = Progress(published)
    for percent in range(100):
        progress.tell(percent, "")
    await published.reach((99, ""))
    await progress.end()
    assert published.words == [(99, "")]


async def test_the_same_is_not_said_twice(published: Published) -> None:
    progress = Progress(published)
    progress.tell(1, "one")
    await published.reach((1, "one"))
    progress.tell(2, "two")
    await published.reach((2, "two"))
    await progress.end()
    assert published.words == [(1, "one"), (2, "two")]


async def test_a_thread_may_tell(published: Published) -> None:
    progress = Progress(published)
    thread = threading.Thread(target=progress.tell, args=(50, "from a thread"))
    thread.start()
    await published.reach((50, "from a thread"))
    thread.join()
    await progress.end()


async def test_an_outage_does_not_silence_it(published: Published) -> None:
    published.outages = 1
    progress = Progress(published)

    async def failed() -> bool:
        return published.outages == 0

    await wait_for(failed, "the first report to fail", patience=5)
    progress.tell(7, "")
    await published.reach((7, ""))
    await progress.end()


async def test_nothing_is_said_after_the_end(published: Published) -> None:
    progress = Progress(published)
    await progress.end()
    progress.tell(1, "too late")
    await asyncio.sleep(0)
    assert published.words == []

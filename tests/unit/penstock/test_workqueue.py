from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import workqueue
from penstock.errors import NotConnected
from penstock.workqueue import WorkQueue
from tests.waiting import wait_for


class Work:
    """Records what is worked on; `hold` keeps it there, `fail` names how often a key fails first."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.active: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.together = 0
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail: Counter[str] = Counter()
        self.error = ValueError("not now")
        self.again: dict[str, float] = {}

    async def __call__(self, key: str) -> float | None:
        self.active[key] += 1
        self.most[key] = max(self.most[key], self.active[key])
        self.together = max(self.together, self.active.total())
        self.began.set()
        try:
            await self.gate.wait()
            self.done.append(key)
            if self.fail[key] > 0:
                self.fail[key] -= 1
                raise self.error
            return self.again.pop(key, None)
        finally:
            self.active[key] -= 1


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def queue(work: Work, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkQueue[str]]:
    monkeypatch.setattr(workqueue, "FIRST_PAUSE_SECONDS", 0.001)
    queue = WorkQueue("test", work, workers=4)
    queue.start()
    yield queue
    await queue.stop()


async def soon(waiting: asyncio.Event) -> None:
    await asyncio.wait_for(waiting.wait(), 5)


async def idle(queue: WorkQueue[str]) -> None:
    await asyncio.wait_for(queue.idle(), 5)


async def test_every_key_is_worked_on(queue: WorkQueue[str], work: Work) -> None:
    for key in "abcdefgh":
        queue.add(key)
    await idle(queue)
    assert sorted(work.done) == list("abcdefgh")


async def test_a_key_that_waits_is_worked_on_once_however_often_it_was_added(queue: WorkQueue[str], work: Work) -> None:
    for _ in range(5):
        queue.add("a")
    await idle(queue)
    assert work.done == ["a"]


async def test_what_is_added_while_it_is_worked_on_comes_once_more_and_not_at_once(
    queue: WorkQueue[str], work: Work
) -> None:
    work.gate.clear()
    queue.add("a")
    await soon(work.began)
    queue.add("a")
    queue.add("a")
    assert len(queue) == 2  # one runs, one waits for it
    work.gate.set()
    await idle(queue)
    assert work.done == ["a", "a"]
    assert work.most["a"] == 1


async def test_as_many_run_together_as_there_are_workers(queue: WorkQueue[str], work: Work) -> None:
    work.gate.clear()
    for key in "abcdefgh":
        queue.add(key)

    async def full() -> bool:
        return work.active.total() == 4

    await wait_for(full, "all workers to be busy")
    work.gate.set()
    await idle(queue)
    assert work.together == 4


async def test_a_failing_key_comes_again_until_it_succeeds(queue: WorkQueue[str], work: Work) -> None:
    work.fail["a"] = 3
    queue.add("a")

    async def succeeded() -> bool:
        return work.done == ["a"] * 4

    await wait_for(succeeded, "three failures and a success")


async def test_pauses_grow_with_every_failure_and_start_anew_after_a_success(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    queue = WorkQueue("test", work, workers=1)
    real = queue.add_after

    def note(key: str, seconds: float) -> None:
        pauses.append(seconds)
        real(key, 0.0)

    monkeypatch.setattr(queue, "add_after", note)
    queue.start()
    try:
        for _ in range(2):
            work.fail["a"] = 3
            queue.add("a")

            async def recovered() -> bool:
                return len(pauses) % 3 == 0 and not work.fail["a"] and not len(queue)

            await wait_for(recovered, "the key to recover")
    finally:
        await queue.stop()
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[:3] == pauses[3:]


async def test_a_failure_may_say_when_to_come_again(queue: WorkQueue[str], work: Work) -> None:
    class Busy(ValueError):
        retry_after = 3600.0

    work.error, work.fail["a"] = Busy(), 1
    queue.add("a")
    await idle(queue)
    queue.add_after("b", 0.02)

    async def later() -> bool:
        return "b" in work.done

    await wait_for(later, "what was asked for earlier than that")
    assert work.done.count("a") == 1


async def test_work_may_ask_to_see_a_key_again(queue: WorkQueue[str], work: Work) -> None:
    work.again["a"] = 0.001
    queue.add("a")

    async def seen_again() -> bool:
        return work.done == ["a", "a"]

    await wait_for(seen_again, "the second look")


async def test_the_earlier_of_two_times_counts(queue: WorkQueue[str], work: Work) -> None:
    queue.add_after("a", 3600)
    queue.add_after("a", 0.001)
    queue.add_after("a", 7200)

    async def seen() -> bool:
        return work.done == ["a"]

    await wait_for(seen, "the earlier time")


async def test_adding_a_key_voids_what_was_planned_for_it(queue: WorkQueue[str], work: Work) -> None:
    queue.add_after("a", 0.01)
    queue.add("a")
    queue.add_after("b", 0.02)

    async def later() -> bool:
        return "b" in work.done

    await wait_for(later, "what was planned for later")
    assert work.done.count("a") == 1


async def test_a_forgotten_key_does_not_come_again(queue: WorkQueue[str], work: Work) -> None:
    queue.add_after("a", 0.01)
    queue.forget("a")
    queue.add_after("b", 0.02)

    async def later() -> bool:
        return bool(work.done)

    await wait_for(later, "the other key")
    assert work.done == ["b"]


async def test_idle_does_not_wait_for_what_is_planned(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 3600)
    await idle(queue)


async def test_idle_waits_for_what_runs(queue: WorkQueue[str], work: Work) -> None:
    work.gate.clear()
    queue.add("a")
    await soon(work.began)
    waiting = [asyncio.create_task(queue.idle()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    work.gate.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_stopping_cancels_what_runs(work: Work) -> None:
    work.gate.clear()
    queue = WorkQueue("test", work, workers=1)
    queue.start()
    queue.add("a")
    await soon(work.began)
    await asyncio.wait_for(queue.stop(), 5)
    assert work.done == []
    assert not work.active["a"]


async def test_what_comes_while_it_stands_still_is_not_kept(work: Work) -> None:
    queue = WorkQueue("test", work, workers=1)
    for _ in range(2):
        for number in range(1000):
            queue.add(f"early-{number}")
            queue.add_after(f"late-{number}", 60)
        assert (len(queue), len(queue._later), len(queue._due)) == (0, 0, 0)
        queue.start()
        work.gate.clear()
        queue.add("a")
        queue.add("b")
        await soon(work.began)
        await asyncio.wait_for(queue.stop(), 5)
        work.began.clear()
    assert work.done == []


async def test_stopping_ends_workers_that_were_called_just_now(work: Work) -> None:
    queue = WorkQueue("test", work, workers=1)
    queue.start()
    queue.add_after("later", 3600)
    queue.add("a")
    await idle(queue)
    await asyncio.sleep(0)  # its worker waits for news
    queue.add("b")
    try:
        await asyncio.wait_for(queue.stop(), 0.2)
    finally:
        await queue.stop()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 3))
def test_no_news_is_ever_missed(news: list[str], workers: int) -> None:
    """Level, not edges: whatever the order, the last look at each key comes after its last change."""
    seen: dict[str, int] = {}
    latest: dict[str, int] = {}

    async def look(key: str) -> None:
        state = latest[key]
        await asyncio.sleep(0)
        seen[key] = state

    async def check() -> None:
        queue = WorkQueue("test", look, workers=workers)
        queue.start()
        for number, key in enumerate(news):
            latest[key] = number
            queue.add(key)
            if number % 3 == 0:
                await asyncio.sleep(0)
        await asyncio.wait_for(queue.idle(), 5)
        await queue.stop()

    asyncio.run(check())
    assert seen == latest


async def test_what_is_planned_again_and_again_does_not_pile_up() -> None:
    async def work(_: int) -> float:
        return 3600.0

    queue = WorkQueue[int]("test", work, workers=4)
    queue.start()
    for _ in range(50):
        for key in range(100):
            queue.add(key)
        await asyncio.wait_for(queue.idle(), 5)
    assert len(queue._later) <= 2 * 100 + 1001
    await queue.stop()


async def test_when_everything_fails_it_is_not_all_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "RETRIES_PER_SECOND", 100.0)
    tried = Counter[int]()

    async def work(key: int) -> None:
        tried[key] += 1
        if tried[key] == 1:
            raise NotConnected("away")

    queue = WorkQueue[int]("test", work, workers=4)
    queue.start()
    began = asyncio.get_running_loop().time()
    for key in range(50):
        queue.add(key)

    async def all_again() -> bool:
        return all(tried[key] == 2 for key in range(50))

    await wait_for(all_again, "all to be tried again", patience=10)
    assert asyncio.get_running_loop().time() - began > 0.4
    await queue.stop()

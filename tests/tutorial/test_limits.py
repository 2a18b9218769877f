"""What a queue and a task may be told: order, time, retries, limits, dead letters. Needs neither Redis nor a cluster.

The limits of a queue are set on its TaskQueue resource; here they are given to the broker as the operator does.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.waiting import wait_for

from penstock import Handle, Penstock, Phase, Retry, SubmissionError, TaskCancelled, TaskContext, TaskFailed
from penstock.broker.messages import Limits, QueueConfig
from penstock.testing import worker

reports = Penstock("reports", url="memory://")


@reports.task(run_in="process", timeout=30)
def crunch(numbers: list[int], context: TaskContext = TaskContext()) -> dict[str, int]:
    """CPU-bound: in a process of its own it holds up nobody. It must be found at the top level of a module."""
    context.progress(50, "adding")
    return {"sum": sum(numbers), "pid": os.getpid()}


@reports.task(run_in="process")
def nap(seconds: float) -> None:
    time.sleep(seconds)


@pytest.fixture
def app() -> Penstock:
    return Penstock("shop", url="memory://")


async def limit(app: Penstock, limits: Limits, *, wait_for_room: bool = False) -> None:
    """What `kubectl apply` of a TaskQueue comes to."""
    await app.broker().configure("shop", QueueConfig(limits=limits, wait_for_room=wait_for_room))


async def soon(condition: Callable[[], Awaitable[object]], what: str) -> None:
    await wait_for(condition, what, patience=5)


async def is_in(handle: Handle[Any], phase: Phase) -> None:
    async def reached() -> bool:
        return (await handle.status()).phase is phase

    await soon(reached, f"{handle.id} to be {phase}")


# --- order and time ---------------------------------------------------------------------------------------------------


async def test_urgent_tasks_come_first(app: Penstock) -> None:
    order: list[str] = []

    @app.task
    async def work(name: str) -> None:
        order.append(name)

    handles = [
        await work.options(priority="low").enqueue("tidying"),
        await work.enqueue("a letter"),
        await work.options(priority="critical").enqueue("the fire"),
        await work.options(priority="high").enqueue("a customer"),
    ]
    async with worker(app, concurrency=1):
        for handle in handles:
            await handle.result(timeout=5)
    assert order == ["the fire", "a customer", "a letter", "tidying"]


async def test_a_task_may_wait_for_its_time(app: Penstock) -> None:
    @app.task
    async def remind() -> float:
        return time.time()

    asked = time.time()
    async with worker(app):
        later = await remind.options(delay=0.1).enqueue()
        at = await remind.options(at=datetime.now(UTC) + timedelta(seconds=0.1)).enqueue()
        assert await later.result(timeout=5) >= asked + 0.1
        assert await at.result(timeout=5) >= asked + 0.1


async def test_what_comes_too_late_is_not_begun(app: Penstock) -> None:
    @app.task(expires=0.02)
    async def show_price() -> None: ...

    handle = await show_price.enqueue()
    expired = time.time() + 0.03

    async def too_late() -> bool:
        return time.time() > expired

    await soon(too_late, "the price to be old")
    async with worker(app):
        with pytest.raises(TaskFailed, match="Expired"):
            await handle.result(timeout=5)
    assert (await handle.status()).attempts == 0


# --- retries ----------------------------------------------------------------------------------------------------------


class CardDeclined(Exception):
    pass


async def test_some_failures_are_final(app: Penstock) -> None:
    @app.task(max_attempts=5, give_up_on=(CardDeclined,))
    async def charge(context: TaskContext = TaskContext()) -> None:
        if context.attempt == 1:
            raise Retry(delay=0)  # the bank was busy
        raise CardDeclined("no money")

    async with worker(app):
        handle = await charge.enqueue()
        with pytest.raises(TaskFailed, match="CardDeclined: no money"):
            await handle.result(timeout=5)
    status = await handle.status()
    assert (status.phase, status.attempts) == (Phase.FAILED, 2)


async def test_or_all_but_some_are(app: Penstock) -> None:
    @app.task(retry_on=(ConnectionError, TimeoutError))
    async def fetch() -> None:
        raise ValueError("no such page")

    async with worker(app):
        handle = await fetch.enqueue()
        with pytest.raises(TaskFailed, match="ValueError"):
            await handle.result(timeout=5)
    assert (await handle.status()).attempts == 1


# --- once only --------------------------------------------------------------------------------------------------------


async def test_an_idempotency_key_makes_it_once(app: Penstock) -> None:
    runs: list[int] = []

    @app.task
    async def sync_account(number: int) -> int:
        runs.append(number)
        return number

    first = await sync_account.options(key="account-7").enqueue(7)
    again = await sync_account.options(key="account-7").enqueue(7)
    assert again.id == first.id  # the same task, and its handle
    async with worker(app):
        assert await again.result(timeout=5) == 7
        assert runs == [7]
        next_time = await sync_account.options(key="account-7").enqueue(7)  # once finished, the key is free
        assert next_time.id != first.id
        await next_time.result(timeout=5)


async def test_a_key_may_be_free_when_it_has_started_or_only_when_it_expires(app: Penstock) -> None:
    release = asyncio.Event()

    @app.task
    async def bill() -> None:
        await release.wait()

    until_started = bill.options(key="remind-7", until="started")
    until_expired = bill.options(key="2027-01", until="expired", key_ttl=86_400)
    first, monthly = await until_started.enqueue(), await until_expired.enqueue()
    async with worker(app):
        await is_in(first, Phase.RUNNING)
        assert (await until_started.enqueue()).id != first.id
        release.set()
        await monthly.result(timeout=5)
        assert (await until_expired.enqueue()).id == monthly.id


# --- limits of a queue ------------------------------------------------------------------------------------------------


async def test_a_rate_limit_spreads_the_starts(app: Penstock) -> None:
    starts: list[float] = []

    @app.task
    async def call_api() -> None:
        starts.append(time.monotonic())

    await limit(app, Limits(rate=20, period=1.0))  # rateLimit: {tasks: 20}
    async with worker(app):
        for handle in await app.enqueue_many([call_api.s() for _ in range(5)]):
            await handle.result(timeout=5)
    assert starts[-1] - starts[0] >= 4 * 0.05 * 0.9  # 20 a second: one every 50 ms


async def test_so_many_at_once_for_each_customer(app: Penstock) -> None:
    running: Counter[str] = Counter()
    most: defaultdict[str, int] = defaultdict(int)

    @app.task
    async def sync(customer: str) -> None:
        running[customer] += 1
        most[customer] = max(most[customer], running[customer])
        await asyncio.sleep(0.005)
        running[customer] -= 1

    await limit(app, Limits(concurrency_per_key=2))  # concurrency: {perKey: 2}
    async with worker(app):
        handles = [
            await sync.options(concurrency_key=customer).enqueue(customer)
            for customer in ("ada", "ada", "ada", "ada", "ada", "bob", "bob", "bob")
        ]
        for handle in handles:
            await handle.result(timeout=5)
    assert most == {"ada": 2, "bob": 2}


async def test_so_many_at_once_in_the_whole_queue(app: Penstock) -> None:
    running, most = 0, 0

    @app.task
    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await limit(app, Limits(concurrency=3))  # concurrency: {max: 3}
    async with worker(app), worker(app):
        for handle in await app.enqueue_many([work.s() for _ in range(20)]):
            await handle.result(timeout=10)
    assert 1 <= most <= 3


async def test_a_full_queue_refuses_or_lets_you_wait(app: Penstock) -> None:
    @app.task
    async def work() -> str:
        return "done"

    await limit(app, Limits(depth=1))  # maxDepth: 1
    await work.enqueue()
    with pytest.raises(SubmissionError, match="queue 'shop' is full"):
        await work.enqueue()

    await limit(app, Limits(depth=1), wait_for_room=True)  # … and overflow: Wait
    waiting = asyncio.create_task(work.enqueue())
    async with worker(app):
        assert await (await waiting).result(timeout=5) == "done"


async def test_a_queue_may_be_paused(app: Penstock) -> None:
    @app.task
    async def work() -> str:
        return "done"

    async with worker(app):
        await app.queue().pause()
        handle = await work.enqueue()  # accepted, but not begun

        async def waits() -> bool:
            depth = await app.queue().depth()
            return depth.paused and depth.ready == 1

        await soon(waits, "the task to wait")
        await app.queue().resume()
        assert await handle.result(timeout=5) == "done"


# --- dead letters -----------------------------------------------------------------------------------------------------


async def test_dead_letters_are_kept_and_replayed(app: Penstock) -> None:
    bank_is_open = False

    @app.task(max_attempts=1)
    async def transfer(amount: int) -> str:
        if not bank_is_open:
            raise ConnectionError("the bank is closed")
        return f"{amount} sent"

    async with worker(app):
        handles = [await transfer.enqueue(amount) for amount in (1, 2, 3)]
        for handle in handles:
            with pytest.raises(TaskFailed):
                await handle.result(timeout=5)

        letters = await app.queue().dead_letters()
        assert [letter.id for letter in letters] == [handle.id for handle in handles]
        assert letters[0].outcome is not None
        assert letters[0].outcome.failure is not None
        assert letters[0].outcome.failure.message == "the bank is closed"

        bank_is_open = True
        assert await app.queue().purge([handles[2].id]) == 1  # this one isn't wanted any more
        assert await app.queue().replay() == 2  # the others run again, from their first attempt
        assert [await handle.result(timeout=5) for handle in handles[:2]] == ["1 sent", "2 sent"]
        assert (await app.queue().depth()).dead == 0


# --- other ways to run ------------------------------------------------------------------------------------------------


async def test_a_broadcast_runs_on_every_worker(app: Penstock) -> None:
    caches = [{"price": 1}, {"price": 1}]
    emptied: list[int] = []

    @app.task(broadcast=True)
    async def forget_prices() -> None:
        emptied.append(len(emptied))
        caches[emptied[-1]].clear()

    async with worker(app), worker(app):
        await asyncio.sleep(0)  # both are up
        await forget_prices.enqueue()

        async def everywhere() -> bool:
            return caches == [{}, {}]

        await soon(everywhere, "both workers to run it")


async def test_cpu_bound_work_runs_in_a_process() -> None:
    async with worker(reports):
        found = await (await crunch.enqueue([1, 2, 3])).result(timeout=20)
    assert found["sum"] == 6
    assert found["pid"] != os.getpid()


async def test_what_runs_in_a_process_can_be_stopped() -> None:
    async with worker(reports):
        handle = await nap.enqueue(60)
        await is_in(handle, Phase.RUNNING)
        assert await handle.cancel()
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=10)


async def test_a_limited_queue_keeps_its_order(app: Penstock) -> None:
    order: list[int] = []

    @app.task
    async def step(number: int) -> None:
        order.append(number)

    await app.broker().configure("shop", QueueConfig(limits=Limits(concurrency=1)))
    async with worker(app):
        handles = await app.enqueue_many(step.s(number) for number in range(8))
        for handle in handles:
            await handle.result(timeout=10)
    assert order == list(range(8))

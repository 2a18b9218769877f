from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import TaskContext, codec
from penstock.broker.protocol import Begun, Lease, Verdict
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.retry import RetryPolicy
from penstock.status import Phase
from penstock.worker.attempt import Attempt, Limit
from penstock.worker.policy import Policy
from penstock.worker.verdict import Raised, Returned, Stopped, TimedOut, rule

NO_LIMIT = Limit(None)
seconds = st.floats(0, 1e6)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def attempt(function: Callable[..., Any], *args: object, limit: Limit = NO_LIMIT) -> Attempt:
    envelope = Envelope(id="shop/1", task="shop.f", queue="shop", created_at=1.0, payload=codec.encode_call(args, {}))
    begun = Begun(Lease("shop", 3, "1", "shop/1", "n"), Verdict.RUN, 2, 0, 1.0, 1.0)
    definition = Definition("shop.f", function, Options("shop"))
    return Attempt(envelope, b"", begun, definition, limit, Policy(RetryPolicy(), None, 60.0))


def deaf(percent: float | None, message: str) -> None: ...


async def endless() -> None:
    await asyncio.Event().wait()


@given(st.none() | seconds, st.none() | seconds, seconds)
def test_the_tighter_of_timeout_and_deadline_counts(timeout: float | None, deadline: float | None, now: float) -> None:
    limit = Limit.of(timeout, deadline, now)
    left = None if deadline is None else max(0.0, deadline - now)
    bounds = [bound for bound in (timeout, left) if bound is not None]
    assert limit.seconds == (min(bounds) if bounds else None)
    assert limit.deadline == (left is not None and left == limit.seconds)


async def test_what_it_returns_is_json(threads: ThreadPoolExecutor) -> None:
    async def double(n: int) -> int:
        return 2 * n

    assert await attempt(double, 21).run(threads, deaf) == Returned(b"42")


async def test_a_sync_function_runs_in_a_thread(threads: ThreadPoolExecutor) -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await attempt(where).run(threads, deaf) == Returned(b"false")


async def test_what_it_raises_is_kept(threads: ThreadPoolExecutor) -> None:
    async def broken() -> None:
        raise KeyError("x")

    ending = await attempt(broken).run(threads, deaf)
    assert isinstance(ending, Raised)
    assert isinstance(ending.error, KeyError)


async def test_a_result_that_cannot_travel_is_a_failure(threads: ThreadPoolExecutor) -> None:
    ending = await attempt(object).run(threads, deaf)
    assert isinstance(ending, Raised)
    assert "can't travel as JSON" in str(ending.error)


async def test_arguments_that_cannot_be_read_are_a_failure(threads: ThreadPoolExecutor) -> None:
    broken = attempt(endless)
    broken.envelope = Envelope(id="shop/1", task="shop.f", queue="shop", created_at=1.0, payload=b"[")
    assert isinstance(await broken.run(threads, deaf), Raised)


@pytest.mark.parametrize("deadline", [False, True])
async def test_its_time_runs_out(threads: ThreadPoolExecutor, deadline: bool) -> None:
    expected = TimedOut(0.0, deadline=True) if deadline else TimedOut(0.01)
    assert await attempt(endless, limit=Limit(0.01, deadline)).run(threads, deaf) == expected


async def test_a_timeout_error_of_its_own_is_no_timeout(threads: ThreadPoolExecutor) -> None:
    async def slow_peer() -> None:
        raise TimeoutError("the peer was slow")

    assert isinstance(await attempt(slow_peer, limit=Limit(60.0)).run(threads, deaf), Raised)


async def test_a_cancelled_one_ends_as_cancelled(threads: ThreadPoolExecutor) -> None:
    one = attempt(endless)
    running = asyncio.create_task(one.run(threads, deaf))
    await asyncio.sleep(0)
    one.stop(Phase.CANCELLED, "why not")
    assert await running == Stopped(Phase.CANCELLED, "why not")


async def test_the_first_reason_to_stop_counts(threads: ThreadPoolExecutor) -> None:
    one = attempt(endless)
    one.stop(Phase.CANCELLED, "first")
    one.stop(None, "second")
    assert await one.run(threads, deaf) == Stopped(Phase.CANCELLED, "first")


async def test_a_lost_one_stops_and_says_so(threads: ThreadPoolExecutor) -> None:
    one = attempt(endless)
    running = asyncio.create_task(one.run(threads, deaf))
    await asyncio.sleep(0)
    one.lose()
    assert isinstance(await running, Stopped)
    assert one.lost


async def test_a_thread_is_told_and_keeps_its_place_until_it_ends(threads: ThreadPoolExecutor) -> None:
    noticed, release = threading.Event(), threading.Event()

    def stubborn(context: TaskContext = TaskContext()) -> None:
        while not context.cancelled:
            release.wait(0.001)
        noticed.set()
        release.wait(5)

    one = attempt(stubborn, limit=Limit(0.01))
    assert isinstance(await one.run(threads, deaf), TimedOut)
    assert await asyncio.to_thread(noticed.wait, 5)
    vacated = asyncio.create_task(one.vacated())
    await asyncio.sleep(0)
    assert not vacated.done()
    release.set()
    await asyncio.wait_for(vacated, 5)


async def test_the_context_knows_the_attempt_and_passes_progress_on(threads: ThreadPoolExecutor) -> None:
    said: list[tuple[float | None, str]] = []

    async def telling(name: str, context: TaskContext = TaskContext()) -> list[object]:
        context.progress(50, name)
        return [context.id, context.task, context.attempt, context.cancelled]

    ending = await attempt(telling, "Ada").run(threads, lambda percent, message: said.append((percent, message)))
    assert ending == Returned(b'["shop/1","shop.f",2,false]')
    assert said == [(50, "Ada")]


@pytest.mark.parametrize("percent", [-0.1, 100.1])
def test_progress_has_its_bounds(percent: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        TaskContext().progress(percent)


async def test_the_context_may_be_the_first_parameter(threads: ThreadPoolExecutor) -> None:
    async def greet(context: TaskContext, name: str) -> str:
        return f"{name} {context.attempt}"

    one = attempt(greet, "Ada")
    assert one.definition is not None
    one.definition.check(("Ada",), {})  # so enqueue("Ada") is accepted
    assert await one.run(threads, deaf) == Returned(b'"Ada 2"')


async def test_a_deadline_that_passes_while_it_runs_is_told_as_it_was(threads: ThreadPoolExecutor) -> None:
    ending = await attempt(endless, limit=Limit(0.01, deadline=True)).run(threads, deaf)
    failure = rule(ending, 1, RetryPolicy(), lambda: 0.5).failure
    assert failure is not None
    assert failure.message == "the deadline passed while it ran"

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import TaskContext, codec
from penstock.broker.messages import Begun, Lease, Verdict
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.progress import Progress
from penstock.retry import RetryPolicy
from penstock.status import Phase
from penstock.worker import attempt as module
from penstock.worker.attempt import Attempt, Limit
from penstock.worker.ending import Ending, Raised, Returned, Stopped, TimedOut, Unfit
from penstock.worker.policy import Policy
from penstock.worker.pool import Pool
from penstock.worker.processes import Processes
from penstock.worker.room import Room
from penstock.worker.verdict import Standards, rule
from tests.lines import lines
from tests.naming import named

NO_LIMIT = Limit(None)
LONG = Limit(60.0)
seconds = st.floats(0, 1e6)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    with Pool(1) as threads:
        processes = Processes(1)
        yield Room(threads, processes)
        await processes.close()


def attempt(function: Callable[..., Any], *args: object, limit: Limit = NO_LIMIT, **options: Any) -> Attempt:
    envelope = Envelope(id="shop.1", task="shop.f", queue="shop", created_at=1.0, payload=codec.encode_call(args, {}))
    begun = Begun(Lease("shop", "shop.1", "n"), Verdict.RUN, b"", 2, 0, 1.0, 1.0)
    definition = Definition("shop.f", function, Options("shop", **options))
    return Attempt(envelope, begun, definition, limit, Policy(RetryPolicy(), None, 60.0))


async def endless() -> None:
    await asyncio.Event().wait()


async def begin(one: Attempt, room: Room) -> asyncio.Task[Ending]:
    """Run it as far as its first wait."""
    running = asyncio.create_task(one.run(room))
    await asyncio.sleep(0)
    return running


@given(st.none() | seconds, st.none() | seconds, seconds)
def test_the_tighter_of_timeout_and_deadline_counts(timeout: float | None, deadline: float | None, now: float) -> None:
    limit = Limit.of(timeout, deadline, now)
    left = None if deadline is None else max(0.0, deadline - now)
    bounds = [bound for bound in (timeout, left) if bound is not None]
    assert limit.seconds == (min(bounds) if bounds else None)
    assert limit.deadline == (left is not None and left == limit.seconds)


async def test_what_it_returns_is_json(room: Room) -> None:
    async def double(n: int) -> int:
        return 2 * n

    assert await attempt(double, 21).run(room) == Returned(b"42")


async def test_a_coroutine_function_runs_in_the_callers_task(room: Room) -> None:
    async def which() -> bool:
        return asyncio.current_task() is caller

    caller = asyncio.current_task()
    assert await attempt(which).run(room) == Returned(b"true")


def in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


async def test_a_sync_function_runs_in_a_thread(room: Room) -> None:
    assert await attempt(in_main_thread).run(room) == Returned(b"false")


async def test_a_short_one_may_run_on_the_loop(room: Room) -> None:
    assert await attempt(in_main_thread, run_in="loop").run(room) == Returned(b"true")


async def test_a_long_one_may_run_in_a_process(room: Room) -> None:
    assert await attempt(math.factorial, 5, run_in="process").run(room) == Returned(b"120")


async def test_what_it_raises_is_kept(room: Room) -> None:
    async def broken() -> None:
        raise KeyError("x")

    ending = await attempt(broken).run(room)
    assert isinstance(ending, Raised)
    assert isinstance(ending.error, KeyError)


async def test_an_exception_of_any_kind_is_a_failure(room: Room) -> None:
    class Odd(BaseException):
        pass

    async def broken() -> None:
        raise Odd

    try:
        ending = await attempt(broken).run(room)
    except Odd:
        pytest.fail("it left the attempt: nobody settles it, and its lease is renewed for ever")
    assert isinstance(ending, Raised)


async def leaves() -> None:
    raise SystemExit(3)


def leaves_at_once() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "place"), [(leaves, None), (leaves_at_once, None), (leaves_at_once, "loop")], ids=named
)
async def test_sys_exit_ends_the_task_and_not_the_worker(
    room: Room, function: Callable[..., Any], place: str | None
) -> None:
    ending = await attempt(function, run_in=place).run(room)
    assert isinstance(ending, Raised)
    assert str(ending.error) == "the task called sys.exit(3)"


async def test_a_result_that_cannot_travel_is_a_failure(room: Room) -> None:
    ending = await attempt(object).run(room)
    assert isinstance(ending, Raised)
    assert "can't travel as JSON" in str(ending.error)


async def test_arguments_that_cannot_be_read_are_a_failure(room: Room) -> None:
    broken = attempt(endless)
    broken.envelope = Envelope(id="shop.1", task="shop.f", queue="shop", created_at=1.0, payload=b"[")
    assert isinstance(await broken.run(room), Unfit)
    assert not broken.started


class TestTime:
    @pytest.mark.parametrize("deadline", [False, True])
    async def test_runs_out(self, room: Room, deadline: bool) -> None:
        expected = TimedOut(0.0, deadline=True) if deadline else TimedOut(0.01)
        assert await attempt(endless, limit=Limit(0.01, deadline)).run(room) == expected

    async def test_leaves_the_callers_task_as_it_was(self, room: Room) -> None:
        await attempt(endless, limit=Limit(0.01)).run(room)
        caller = asyncio.current_task()
        assert caller is not None
        assert caller.cancelling() == 0
        async with asyncio.timeout(5):  # which looks at that
            await asyncio.sleep(0)

    async def test_of_an_ended_one_harms_nobody(self, room: Room) -> None:
        async def quick() -> None: ...

        await attempt(quick, limit=Limit(0.001)).run(room)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await endless()

    async def test_a_timeout_error_of_its_own_is_a_failure(self, room: Room) -> None:
        async def slow_peer() -> None:
            raise TimeoutError("the peer was slow")

        ending = await attempt(slow_peer, limit=LONG).run(room)
        assert isinstance(ending, Raised)
        assert str(ending.error) == "the peer was slow"

    async def test_a_timeout_inside_is_its_own_affair(self, room: Room) -> None:
        async def careful() -> str:
            try:
                async with asyncio.timeout(0.001):
                    await endless()
            except TimeoutError:
                return "went on"
            return "never"

        assert await attempt(careful, limit=LONG).run(room) == Returned(b'"went on"')

    async def test_a_timeout_inside_that_nobody_catches_is_a_failure(self, room: Room) -> None:
        async def careless() -> None:
            async with asyncio.timeout(0.001):
                await endless()

        ending = await attempt(careless, limit=LONG).run(room)
        assert isinstance(ending, Raised)
        assert isinstance(ending.error, TimeoutError)

    async def test_runs_out_inside_a_longer_timeout(self, room: Room) -> None:
        async def patient() -> None:
            async with asyncio.timeout(60):
                await endless()

        assert await attempt(patient, limit=Limit(0.01)).run(room) == TimedOut(0.01)

    async def test_a_function_that_ignores_its_end_still_has_its_result(self, room: Room) -> None:
        async def late() -> str:
            try:
                await endless()
            except asyncio.CancelledError:
                return "late"
            return "never"

        assert await attempt(late, limit=Limit(0.01)).run(room) == Returned(b'"late"')

    async def test_a_deadline_that_passes_while_it_runs_is_told_as_it_was(self, room: Room) -> None:
        ending = await attempt(endless, limit=Limit(0.01, deadline=True)).run(room)
        failure = rule(ending, Standards(1, RetryPolicy()), lambda: 0.5).failure
        assert failure is not None
        assert failure.message == "the deadline passed while it ran"


class TestStopping:
    async def test_a_cancelled_one_ends_as_cancelled(self, room: Room) -> None:
        one = attempt(endless)
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "why not")
        assert await running == Stopped(Phase.CANCELLED, "why not")

    async def test_one_that_was_not_begun_never_is(self, room: Room) -> None:
        one = attempt(endless)
        one.stop(Phase.CANCELLED, "early")
        assert await one.run(room) == Stopped(Phase.CANCELLED, "early")
        assert not one.started

    async def test_the_first_reason_counts(self, room: Room) -> None:
        one = attempt(endless)
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "first")
        one.stop(None, "second")
        assert await running == Stopped(Phase.CANCELLED, "first")

    async def test_a_stop_goes_before_a_limit_that_passes_with_it(self, room: Room) -> None:
        async def lingering() -> None:
            try:
                await endless()
            finally:
                await asyncio.wait([sleeping])

        sleeping = asyncio.create_task(asyncio.sleep(0.02))
        one = attempt(lingering, limit=Limit(0.01))
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "why not")
        assert await running == Stopped(Phase.CANCELLED, "why not")
        await sleeping

    async def test_a_lost_one_stops_and_says_so(self, room: Room) -> None:
        one = attempt(endless)
        running = await begin(one, room)
        one.lose()
        assert isinstance(await running, Stopped)
        assert one.lost

    async def test_reaches_through_a_timeout_and_a_task_group(self, room: Room) -> None:
        async def nested() -> None:
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                group.create_task(endless())

        one = attempt(nested)
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "why not")
        assert await running == Stopped(Phase.CANCELLED, "why not")

    async def test_one_that_swallows_it_ends_with_its_result(self, room: Room) -> None:
        async def deaf() -> str:
            try:
                await endless()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            return "anyway"

        one = attempt(deaf)
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "why not")
        assert await running == Returned(b'"anyway"')

    @pytest.mark.parametrize(
        "again", [Attempt.lose, partial(Attempt.stop, why=None, reason="drain")], ids=["lost", "drain"]
    )
    async def test_told_once_more_its_clean_up_goes_on(self, room: Room, again: Callable[[Attempt], None]) -> None:
        """A worker hears of the same cancellation with each renewal of its leases."""
        began, cleaned = asyncio.Event(), asyncio.Event()

        async def careful() -> None:
            try:
                await endless()
            finally:
                began.set()
                await asyncio.sleep(0.05)
                cleaned.set()

        one = attempt(careful)
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "somebody's wish")
        await asyncio.wait_for(began.wait(), 5)
        one.stop(Phase.CANCELLED, "the same again")
        again(one)
        assert await running == Stopped(Phase.CANCELLED, "somebody's wish")
        assert cleaned.is_set()

    async def test_one_that_swallows_it_and_goes_on_is_told_again_after_its_grace(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "HAND_BACK_GRACE_SECONDS", 0.05)
        deaf: list[Ending] = []

        async def stubborn() -> None:
            with suppress(asyncio.CancelledError):
                await endless()
            await endless()

        one = attempt(stubborn)
        one.deaf = lambda _, ending: deaf.append(ending)
        running = await begin(one, room)
        one.stop(None, "drain")
        assert await asyncio.wait_for(running, 5) == Stopped(None, "drain")
        assert deaf == [Stopped(None, "drain")]

    async def test_a_cancelled_error_of_its_own_is_a_failure(self, room: Room) -> None:
        async def waits_for_a_cancelled_one() -> None:
            inner = asyncio.create_task(endless())
            inner.cancel()
            await inner

        ending = await attempt(waits_for_a_cancelled_one).run(room)
        assert isinstance(ending, Raised)
        assert isinstance(ending.error, asyncio.CancelledError)

    async def test_a_worker_that_is_torn_down_is_no_end_of_the_task(self, room: Room) -> None:
        running = await begin(attempt(endless), room)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async def test_not_even_of_one_that_was_cancelled_at_the_same_time(self, room: Room) -> None:
        one = attempt(endless)
        running = await begin(one, room)
        one.stop(Phase.CANCELLED, "why not")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async def test_a_thread_is_told_and_keeps_its_place_until_it_ends(self, room: Room) -> None:
        noticed, release = threading.Event(), threading.Event()

        def stubborn(context: TaskContext = TaskContext()) -> None:
            while not context.cancelled:
                release.wait(0.001)
            noticed.set()
            release.wait(5)

        one = attempt(stubborn, limit=Limit(0.01))
        assert isinstance(await one.run(room), TimedOut)
        assert await asyncio.to_thread(noticed.wait, 5)
        vacated = asyncio.create_task(one.vacated())
        await asyncio.sleep(0)
        assert not vacated.done()
        release.set()
        await asyncio.wait_for(vacated, 5)


class TestContext:
    async def test_knows_the_attempt_and_keeps_its_last_word(self, room: Room) -> None:
        async def telling(name: str, context: TaskContext = TaskContext()) -> list[object]:
            context.progress(10, "first")
            context.progress(50, name)
            return [context.id, context.task, context.attempt, context.cancelled]

        one = attempt(telling, "Ada")
        assert await one.run(room) == Returned(b'["shop.1","shop.f",2,false]')
        assert (one.said, one.news) == (Progress(50, "Ada"), True)

    @pytest.mark.parametrize("percent", [-0.1, 100.1])
    async def test_progress_beyond_its_bounds_is_told_once_and_fails_nothing(
        self, room: Room, caplog: pytest.LogCaptureFixture, percent: float
    ) -> None:
        async def telling(context: TaskContext = TaskContext()) -> str:
            context.progress(percent, "odd")
            context.progress(percent, "odder")
            return "done"

        one = attempt(telling)
        assert await one.run(room) == Returned(b'"done"')
        assert one.said == Progress(None, "odder")
        [line] = lines(caplog)
        assert line == f"shop.f shop.1: progress() leaves out percent={percent}: use a number from 0 to 100"

    async def test_may_be_the_first_parameter(self, room: Room) -> None:
        async def greet(context: TaskContext, name: str) -> str:
            return f"{name} {context.attempt}"

        one = attempt(greet, "Ada")
        assert one.definition is not None
        one.definition.arguments.check(("Ada",), {})  # so enqueue("Ada") is accepted
        assert await one.run(room) == Returned(b'"Ada 2"')

    async def test_tells_of_a_stop(self, room: Room) -> None:
        seen: list[bool] = []

        async def asking(context: TaskContext = TaskContext()) -> None:
            try:
                await endless()
            finally:
                seen.append(context.cancelled)

        one = attempt(asking)
        running = await begin(one, room)
        one.stop(None, "drain")
        await running
        assert seen == [True]

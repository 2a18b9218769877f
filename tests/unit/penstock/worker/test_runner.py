from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from msgspec import structs

from penstock import TaskContext
from penstock.broker.messages import QueueConfig, Settlement, Verb
from penstock.envelope import VERSION, Envelope, ResourceRef, encode
from penstock.outcome import Outcome
from penstock.progress import Progress
from penstock.retry import Retry
from penstock.status import Phase
from tests.unit.penstock.worker.bench import bench
from tests.unit.penstock.worker.brokers import ME, OTHER, abandoned, begun, message, taken
from tests.waiting import wait_for

REF = ResourceRef("shop", "welcome", "uid-1")


def resource(unique: str = "1", **changes: Any) -> Envelope:
    return structs.replace(message(unique), resource=REF, **changes)


async def test_a_task_runs_gives_its_place_back_and_is_settled() -> None:
    async with bench() as b:
        await b.broker.send([message("1")])
        await b.claim()
        b.finish("1")
        outcome = await b.outcome()
        assert (outcome.phase, outcome.result, outcome.attempts) == (Phase.SUCCEEDED, b'"done"', 1)
        assert (b.slots.busy, b.runner.done) == (0, 1)


async def test_what_cannot_be_understood_is_dead_lettered_with_the_reason() -> None:
    async with bench() as b:
        await b.broker.send([structs.replace(message("1"), v=VERSION + 1)])
        await b.claim()
        outcome = await b.outcome()
        assert outcome.phase is Phase.DEAD_LETTERED
        assert outcome.failure is not None
        assert (outcome.failure.type, b.slots.busy) == ("Undecodable", 0)
        assert [letter.id for letter in await b.broker.dead_letters("mail", 10)] == ["mail.1"]


async def test_a_message_that_says_it_is_anothers_is_dead_lettered() -> None:
    async with bench() as b:
        await b.broker.send([message("1")])
        [claimed] = (await b.broker.claim("mail", ME, 1)).begun
        assert b.slots.take_now(1)
        b.runner.start([structs.replace(claimed, message=encode(message("2")))])
        outcome = await b.outcome()
        assert (outcome.phase, b.slots.busy) == (Phase.DEAD_LETTERED, 0)
        assert outcome.failure is not None
        assert "that of 'mail.2', and it was queued as 'mail.1'" in outcome.failure.message


async def test_its_neighbours_in_the_batch_run() -> None:
    async with bench() as b:
        await b.broker.send([structs.replace(message("1"), v=VERSION + 1), message("2")])
        await b.claim(2)
        b.finish("2")
        assert (await b.outcome("2")).phase is Phase.SUCCEEDED


class TestForegone:
    """What ends without being run costs no attempt."""

    @pytest.mark.parametrize(
        ("changes", "reason"), [({"deadline": 1.0}, "DeadlineExceeded"), ({"expires_at": 1.0}, "Expired")]
    )
    async def test_what_is_too_late(self, changes: dict[str, float], reason: str) -> None:
        async with bench() as b:
            await b.broker.send([structs.replace(message("1"), **changes)])
            await b.claim()
            outcome = await b.outcome()
            assert outcome.failure is not None
            assert (outcome.phase, outcome.failure.type, outcome.attempts) == (Phase.FAILED, reason, 0)
            assert b.started == []

    async def test_what_was_cancelled_between_two_workers(self) -> None:
        async with bench() as b:
            await abandoned(b.broker)
            start = await taken(b.broker)
            asked = Outcome(id="mail.1", task="", phase=Phase.CANCELLED, finished_at=time.time())
            await b.broker.cancel(asked, reason="user", life=60.0)
            await b.broker.reclaim("mail", OTHER, lease=0.0)
            await b.claim(alone=True)
            outcome = await b.outcome()
            assert (outcome.phase, outcome.attempts, b.started) == (Phase.CANCELLED, start.attempts, [])

    async def test_what_killed_its_workers(self) -> None:
        async with bench() as b:
            await b.broker.configure("mail", QueueConfig(max_crashes=2))
            await abandoned(b.broker, times=2)
            await b.claim(alone=True)
            outcome = await b.outcome()
            assert outcome.failure is not None
            assert (outcome.phase, outcome.failure.type) == (Phase.DEAD_LETTERED, "WorkerCrashed")
            assert (outcome.attempts, b.started) == (2, [])

    async def test_a_retry_does_not_expire(self) -> None:
        async with bench() as b:

            async def twice(context: TaskContext = TaskContext()) -> int:
                if context.attempt == 1:
                    raise Retry(0)
                return context.attempt

            b.define(twice)
            await b.broker.send([structs.replace(message("1"), expires_at=time.time() + 30)])
            await b.claim()
            await b.idle()
            b.broker.ahead = 60.0
            await b.claim()
            assert (await b.outcome()).result == b"2"

    async def test_what_is_stopped_before_its_first_step(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            await b.claim()
            b.runner.cancel("mail.1")
            outcome = await b.outcome()
            assert (outcome.phase, outcome.attempts, b.started) == (Phase.CANCELLED, 0, [])

    async def test_what_is_cancelled_while_its_claim_is_on_its_way(self) -> None:
        async with bench() as b:
            one = await begun(b.broker)
            asked = Outcome(id="mail.1", task="", phase=Phase.CANCELLED, finished_at=time.time())
            await b.broker.cancel(asked, reason="user", life=60.0)
            b.runner.cancel("mail.1")  # told before the claim's answer was read
            b.slots.take_now(1)
            b.runner.start([one])
            assert (await b.outcome()).phase is Phase.CANCELLED

    async def test_a_cancellation_that_came_too_late_does_not_stop_a_replay(self) -> None:
        async with bench() as b:
            elsewhere = await begun(b.broker, claimer=OTHER)
            b.runner.cancel("mail.1")  # every worker of the queue is told
            outcome = Outcome(id="mail.1", task="", phase=Phase.DEAD_LETTERED, finished_at=time.time())
            end = Settlement(lease=elsewhere.lease, verb=Verb.END, phase=outcome.phase, outcome=outcome, life=60.0)
            await b.broker.settle([end])
            assert await b.broker.replay("mail", ["mail.1"]) == 1
            await b.claim()
            b.finish("1")
            assert (await b.outcome()).phase is Phase.SUCCEEDED

    async def test_an_unknown_name_is_parked_and_told(self) -> None:
        async with bench() as b:
            await b.broker.send([resource(task="shop.other")])
            await b.claim()
            await b.idle()
            found = await b.snapshot()
            assert (found.phase, found.attempts) == (Phase.QUEUED, 0)
            [(_, standing)] = b.reports.news
            assert (standing.reason, b.reports.outcomes) == ("Parked", [])


class TestLostLease:
    async def test_the_attempt_is_stopped_and_nothing_is_settled(self) -> None:
        async with bench() as b:
            await b.broker.send([resource()])
            await b.claim()
            await b.reach(1)
            b.runner.leases.start()
            await b.broker.reclaim("mail", OTHER, lease=0.0)
            await taken(b.broker)

            async def stopped() -> bool:
                return not b.running

            await wait_for(stopped, "the fenced attempt to be stopped", patience=5)
            await b.runner.leases.stop()
            assert (b.broker.settled, b.reports.outcomes, b.slots.busy) == ([], [], 0)
            assert (await b.snapshot()).worker == "other"

    async def test_one_that_ends_before_it_hears_of_it_changes_nothing(self) -> None:
        async with bench() as b:
            await b.broker.send([resource()])
            await b.claim()
            await b.reach(1)
            await b.broker.reclaim("mail", OTHER, lease=0.0)
            await taken(b.broker)
            b.finish("1")

            async def answered() -> bool:
                return b.broker.calls["settle"] == 1 and not b.running

            await wait_for(answered, "the broker to refuse its outcome", patience=5)
            assert (b.reports.outcomes, (await b.snapshot()).phase) == ([], Phase.RUNNING)

    async def test_of_two_attempts_here_only_the_later_counts(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            await b.claim()
            await b.reach(1)
            await b.broker.reclaim("mail", OTHER, lease=0.0)  # this worker's own, unnoticed
            await b.claim(alone=True)
            await b.reach(2)
            b.finish("1")
            outcome = await b.outcome()
            assert (outcome.attempts, len(b.broker.settled), b.slots.busy) == (2, 1, 0)


class TestReports:
    async def test_only_resources_are_reported(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1"), resource("2")])
            await b.claim(2)
            b.finish("1", "2")
            await b.idle()
            assert [outcome.id for outcome in b.reports.outcomes] == ["mail.2"]

    @pytest.mark.parametrize(("delay", "told"), [(60.0, 1), (0.5, 0)])
    async def test_only_a_long_wait_for_the_next_attempt_is_told(self, delay: float, told: int) -> None:
        async with bench() as b:

            async def busy() -> None:
                raise Retry(delay, "rate limited")

            b.define(busy)
            await b.broker.send([resource()])
            await b.claim()
            await b.idle()
            said = [(standing.phase, standing.message) for _, standing in b.reports.news]
            assert said == [(Phase.RETRYING, "again in 60 s after Retry: rate limited")] * told

    async def test_progress_reaches_broker_and_reporter(self) -> None:
        async with bench() as b:
            await b.broker.send([resource()])
            await b.claim()
            await b.reach(1)
            [attempt] = b.runner.attempts.values()
            attempt.tell(Progress(40, "halfway"))
            await b.runner.publish(attempt)
            assert (await b.snapshot()).progress == b'{"percent":40,"message":"halfway"}'
            [(_, standing)] = b.reports.news
            assert (standing.phase, standing.percent, standing.said) == (Phase.RUNNING, 40, "halfway")

    async def test_a_thread_that_outlives_its_attempt_is_not_called_running(self) -> None:
        release = threading.Event()

        def stubborn(context: TaskContext = TaskContext()) -> None:
            release.wait(5)

        async with bench() as b:
            b.define(stubborn, timeout=0.01)
            await b.broker.send([resource()])
            await b.claim()
            [attempt] = b.runner.attempts.values()

            async def settled() -> bool:
                return (await b.snapshot()).phase is Phase.RETRYING

            await wait_for(settled, "the timeout to be settled", patience=5)
            attempt.tell(Progress(50, "still here"))
            await b.runner.publish(attempt)
            release.set()
            assert [standing.phase for _, standing in b.reports.news if standing.phase is Phase.RUNNING] == []


class TestBroadcasts:
    async def test_one_runs_beside_the_places_and_is_never_settled(self) -> None:
        async with bench(1) as b:
            await b.broker.send([message("1")])
            await b.claim()
            b.runner.announce([encode(message("all"))])
            await b.reach(2)
            b.finish("1", "all")
            await b.idle()
            assert (b.slots.busy, [len(batch) for batch in b.broker.settled]) == (0, [1])

    async def test_one_that_cannot_be_read_or_is_unknown_here_harms_nobody(self) -> None:
        async with bench() as b:
            b.runner.announce([b"garbage", encode(message("2", task="shop.other")), encode(message("3"))])
            await b.reach(1)
            b.finish("3")
            await b.idle()
            assert len(b.started) == 1

    async def test_one_that_fails_is_not_tried_again(self) -> None:
        runs: list[int] = []

        async def broken() -> None:
            runs.append(1)
            raise ValueError("x")

        async with bench() as b:
            b.define(broken)
            b.runner.announce([encode(message("1"))])
            await asyncio.sleep(0)
            await b.idle()
            assert (runs, b.broker.settled) == ([1], [])


class TestDrain:
    async def test_what_ends_in_time_ends_well(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            await b.claim()
            await b.reach(1)
            draining = asyncio.create_task(b.runner.drain(5.0))
            await asyncio.sleep(0)
            b.finish("1")
            await draining
            assert (await b.snapshot()).phase is Phase.SUCCEEDED

    async def test_the_rest_is_handed_back_and_costs_no_attempt(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            await b.claim()
            await b.reach(1)
            await b.runner.drain(0.01)
            found = await b.snapshot()
            assert (found.phase, found.attempts) == (Phase.QUEUED, 0)
            assert [settlement.verb for batch in b.broker.settled for settlement in batch] == [Verb.RELEASE]

    async def test_an_outage_at_the_very_end_is_waited_out(self) -> None:
        async with bench() as b:
            await b.broker.send([message("1")])
            await b.claim()
            await b.reach(1)
            b.broker.outages["settle"] = 2
            await b.runner.drain(0.0)
            assert (await b.snapshot()).phase is Phase.QUEUED


def test_parked_messages_are_wanted_by_who_can_do_something_about_them() -> None:
    async def check() -> None:
        async with bench() as b:
            wanted = [
                (encode(message("1")), True),
                (encode(message("1", task="shop.other")), False),
                (encode(structs.replace(message("1", task="shop.other"), deadline=1.0)), True),
                (b"garbage", True),
            ]
            assert [b.runner.wants(data) for data, _ in wanted] == [expected for _, expected in wanted]

    asyncio.run(check())


@pytest.mark.parametrize(("task", "said"), [("shop.send", "ValueError: no such shop"), ("shop.other", "left out")])
async def test_a_broadcast_that_fails_or_that_nobody_knows_is_told(
    task: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("no such shop")

    async with bench() as b:
        b.define(fail)
        b.runner.announce([encode(message("1", task=task))])
        await b.idle()
    assert said in caplog.text

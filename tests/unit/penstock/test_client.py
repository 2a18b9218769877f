"""Submitting through the broker; tests/tutorial has what a newcomer sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from penstock import Penstock, UnknownTask, client
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Cancellation, Claimer, Limits, QueueConfig, Receipt
from penstock.client import BrokerClient
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError, NotConnected, QueueFull, SubmissionError
from penstock.flow import Chain
from penstock.plan import Plan
from penstock.previous import previous
from penstock.status import Phase
from penstock.submission import CallOptions, Signature
from tests.waiting import wait_for

WORKER = Claimer("w", "pod-1")


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> MemoryBroker:
    monkeypatch.setattr(client, "ROOM_SECONDS", 0.005)
    return MemoryBroker("test")


def call(queue: str = "mail", **options: object) -> Signature[int]:
    return Signature(
        Definition("shop.send", len, Options(queue)),
        ("abc",),
        {},
        CallOptions(**options),  # type: ignore[arg-type]  # fields by name
        Penstock("shop", url="memory://"),
    )


async def full(broker: MemoryBroker, depth: int = 1, *, waits: bool = False) -> None:
    """The queue takes so many tasks and no more."""
    await broker.configure("mail", QueueConfig(limits=Limits(depth=depth), wait_for_room=waits))
    await BrokerClient(broker).submit_many([call() for _ in range(depth)])


async def test_concurrent_submissions_share_round_trips(broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    send = broker.send

    async def counted(messages):  # type: ignore[no-untyped-def]  # as the broker's own
        batches.append(len(messages))
        await asyncio.sleep(0)
        return await send(messages)

    monkeypatch.setattr(broker, "send", counted)
    submitter = BrokerClient(broker)
    handles = await asyncio.gather(*(submitter.submit(call()) for _ in range(50)))
    assert len({handle.id for handle in handles}) == 50
    assert len(batches) < 5


async def test_many_calls_keep_their_order_over_queues_and_batches(broker: MemoryBroker) -> None:
    calls = [call(f"q{number % 3}") for number in range(3 * client.BATCH + 7)]
    handles = await BrokerClient(broker).submit_many(calls)
    assert [handle.id.partition(".")[0] for handle in handles] == [call.queue for call in calls]
    depths = await broker.depth(["q0", "q1", "q2"])
    assert sum(depth.ready for depth in depths.values()) == len(calls)


class Failing(MemoryBroker):
    """Takes messages for one queue, and none for another."""

    def __init__(self) -> None:
        super().__init__("test")
        self.error: BaseException | None = NotConnected("nothing answers")
        self.reached = asyncio.Event()

    async def send(self, messages: Sequence[Envelope]) -> list[Receipt]:
        if messages[0].queue == "away":
            self.reached.set()
            if self.error is None:
                await asyncio.Event().wait()
            else:
                raise self.error
        return await super().send(messages)


class TestFlow:
    """All of it or nothing."""

    flow = Chain(Chain(call("away"), replace(call("mail"), args=(previous,))), replace(call("oven"), args=(previous,)))

    async def empty(self, broker: MemoryBroker) -> bool:
        depths = (await broker.depth(["mail", "oven", "away"])).values()
        return not any(depth.blocked + depth.ready for depth in depths)

    @pytest.mark.parametrize(
        "error", [NotConnected("nothing answers"), SubmissionError("is full"), ValueError("a bug")]
    )
    async def test_what_was_sent_before_a_failure_is_taken_back(self, error: Exception) -> None:
        broker = Failing()
        broker.error = error
        with pytest.raises(type(error)):
            await BrokerClient(broker).submit_plan(Plan(self.flow, "f"))
        assert await self.empty(broker)

    async def test_so_it_is_where_somebody_gives_up(self) -> None:
        broker = Failing()
        broker.error = None
        submitting = asyncio.create_task(BrokerClient(broker).submit_plan(Plan(self.flow, "f")))
        await asyncio.wait_for(broker.reached.wait(), 5)
        submitting.cancel()
        await asyncio.wait([submitting], timeout=5)
        assert submitting.cancelled()
        assert await self.empty(broker)

    async def test_what_cannot_be_taken_back_is_told(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        broker = Failing()

        async def gone(id: str) -> Cancellation:
            raise NotConnected("nothing answers")

        monkeypatch.setattr(broker, "withdraw", gone)
        with pytest.raises(NotConnected):
            await BrokerClient(broker).submit_plan(Plan(self.flow, "f"))
        assert "a flow of 3 tasks (mail.f-1 …) may be queued in part" in caplog.text


class TestFull:
    async def test_a_full_queue_refuses_and_says_what_to_do(self, broker: MemoryBroker) -> None:
        await full(broker, 2)
        with pytest.raises(QueueFull, match=r"queue 'mail' is full: 2 tasks wait.*raise maxDepth or set overflow"):
            await BrokerClient(broker).submit(call())

    async def test_of_many_calls_those_before_are_queued(self, broker: MemoryBroker) -> None:
        await broker.configure("mail", QueueConfig(limits=Limits(depth=2)))
        with pytest.raises(QueueFull):
            await BrokerClient(broker).submit_many([call() for _ in range(5)])
        assert (await broker.depth(["mail"]))["mail"].ready == 2

    @pytest.mark.parametrize("many", [False, True])
    async def test_one_that_lets_submitters_wait_takes_the_task_when_there_is_room(
        self, broker: MemoryBroker, many: bool
    ) -> None:
        await full(broker, waits=True)
        submitter = BrokerClient(broker)
        work = submitter.submit_many([call()]) if many else submitter.submit(call())
        waiting = asyncio.ensure_future(work)
        done, _ = await asyncio.wait([waiting], timeout=0.02)
        assert not done
        await broker.claim("mail", WORKER, 1)
        await asyncio.wait_for(waiting, 5)
        assert (await broker.depth(["mail"]))["mail"].ready == 1

    async def test_who_waits_is_refused_once_waiting_is_over(self, broker: MemoryBroker) -> None:
        await full(broker, waits=True)
        waiting = asyncio.create_task(BrokerClient(broker).submit(call()))
        await asyncio.sleep(0)
        await broker.configure("mail", QueueConfig(limits=Limits(depth=1)))
        with pytest.raises(QueueFull):
            await asyncio.wait_for(waiting, 5)

    async def test_who_waits_gets_in_once_the_limit_is_lifted(self, broker: MemoryBroker) -> None:
        await full(broker, waits=True)
        waiting = asyncio.create_task(BrokerClient(broker).submit(call()))
        await asyncio.sleep(0)
        await broker.configure("mail", None)
        await asyncio.wait_for(waiting, 5)

    async def test_another_queue_is_another_matter(self, broker: MemoryBroker) -> None:
        await full(broker)
        await BrokerClient(broker).submit(call("reports"))


class TestKeys:
    async def test_a_duplicate_is_handed_the_first_one(self, broker: MemoryBroker) -> None:
        submitter = BrokerClient(broker)
        first, second = [await submitter.submit(call(key="a")) for _ in range(2)]
        other = await submitter.submit(call(key="b"))
        assert first.id == second.id != other.id
        assert (await broker.depth(["mail"]))["mail"].ready == 2

    async def test_among_many_too(self, broker: MemoryBroker) -> None:
        handles = await BrokerClient(broker).submit_many([call(key="a"), call(), call(key="a")])
        assert handles[0].id == handles[2].id != handles[1].id

    async def test_a_cancelled_one_frees_its_key(self, broker: MemoryBroker) -> None:
        submitter = BrokerClient(broker)
        first = await submitter.submit(call(key="a"))
        assert await first.cancel()
        assert (await submitter.submit(call(key="a"))).id != first.id


async def test_what_waits_is_cancelled_at_once_and_what_runs_is_asked(broker: MemoryBroker) -> None:
    submitter = BrokerClient(broker)
    waiting, running = await submitter.submit(call("a")), await submitter.submit(call("b"))
    [begun] = (await broker.claim("b", WORKER, 1)).begun
    assert await waiting.cancel()
    assert await running.cancel()
    assert (await waiting.status()).phase is Phase.CANCELLED
    assert (await running.status()).phase is Phase.RUNNING
    assert broker.renew([begun.lease], WORKER) == ["cancel"]
    assert not await waiting.cancel()


async def test_what_nobody_knows_is_told(broker: MemoryBroker) -> None:
    submitter = BrokerClient(broker)
    with pytest.raises(UnknownTask):
        await submitter.status("mail.nobody")
    with pytest.raises(UnknownTask):
        await submitter.cancel("mail.nobody")
    assert await submitter.wait("mail.nobody") is None


async def test_a_running_tasks_status_shows_its_progress(broker: MemoryBroker) -> None:
    submitter = BrokerClient(broker)
    handle = await submitter.submit(call())
    [begun] = (await broker.claim("mail", WORKER, 1)).begun
    await broker.note(begun.lease, b'{"percent":40,"message":"halfway"}')
    status = await handle.status()
    assert (status.phase, status.attempts, status.worker) == (Phase.RUNNING, 1, "pod-1")
    assert (status.percent, status.message) == (40, "halfway")


async def test_a_broadcast_is_queued_nowhere(broker: MemoryBroker) -> None:
    app = Penstock("mail", url="memory://")
    app.connections.__dict__["_memory"] = broker
    task = app.task(name="mail.refresh", broadcast=True)(len)
    place, _ = await broker.broadcasts("mail", None)
    await task.enqueue([])
    await app.enqueue_many([task.s([]), task.s([])])
    assert len((await broker.broadcasts("mail", place))[1]) == 3
    assert (await broker.depth(["mail"]))["mail"].ready == 0


async def test_closing_sends_what_is_under_way(broker: MemoryBroker) -> None:
    submitter = BrokerClient(broker)
    sending = asyncio.create_task(submitter.submit(call()))
    await asyncio.sleep(0)
    await submitter.close()

    async def sent() -> bool:
        return (await broker.depth(["mail"]))["mail"].ready == 1

    await wait_for(sent, "the task to be queued", patience=5)
    await sending


class TestTimes:
    async def test_only_who_says_when_asks_for_the_time(
        self, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = 0

        async def told() -> float:
            nonlocal asked
            asked += 1
            return broker.clock()

        monkeypatch.setattr(broker, "time", told)
        submitter = BrokerClient(broker)
        await submitter.submit(call())
        await submitter.submit_many([call(), call(timeout=3)])
        assert asked == 0
        await submitter.submit_many([call(), call(deadline=3)])
        await submitter.submit(call(delay=3))
        assert asked == 1

    async def test_where_the_broker_may_not_tell_it_the_own_clock_counts(
        self, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def forbidden() -> float:
            raise SubmissionError("Redis forbids it (NOPERM)")

        monkeypatch.setattr(broker, "time", forbidden)
        submitter = BrokerClient(broker)
        for _ in range(3):
            await submitter.submit(call(delay=3))
        assert caplog.text.count("times count by this machine's clock") == 1

    async def test_an_outage_then_leaves_nothing_open(
        self, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lost() -> float:
            raise NotConnected("reset", open=True)

        monkeypatch.setattr(broker, "time", lost)
        with pytest.raises(NotConnected) as refused:
            await BrokerClient(broker).submit(call(delay=3))
        assert not refused.value.open


class TestIds:
    async def test_the_same_id_is_the_same_task(self, broker: MemoryBroker) -> None:
        submitter = BrokerClient(broker)
        first, second = [await submitter.submit(call(id="order-42")) for _ in range(2)]
        many = await submitter.submit_many([call(id="order-42"), call(), call(id="order-43"), call(id="order-43")])
        assert first.id == second.id == many[0].id == "mail.order-42"
        assert many[2].id == many[3].id == "mail.order-43"
        assert (await broker.depth(["mail"]))["mail"].ready == 3

    async def test_a_broadcast_has_none(self) -> None:
        task = Penstock("mail", url="memory://").task(name="mail.refresh", broadcast=True)(len)
        with pytest.raises(ConfigurationError, match=r"options\(id='a'\) isn't for broadcast tasks"):
            task.options(id="a").s([])

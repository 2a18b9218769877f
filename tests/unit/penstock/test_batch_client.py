from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest

from penstock import (
    BatchFailed,
    BatchHandle,
    BatchPhase,
    ConfigurationError,
    Handle,
    Middleware,
    Penstock,
    ResultExpired,
    ResultTimeout,
    Signature,
    SubmissionError,
    TaskCancelled,
    TaskFailed,
    UnknownTask,
    batch,
    batch_stream,
)
from penstock.batch_client import BatchClient
from penstock.broker.messages import Begun, Claimer, Limits, QueueConfig, Settlement, Verb
from penstock.envelope import decode
from penstock.errors import ApiRefused
from penstock.kube import Manifest
from penstock.middleware import Send
from penstock.outcome import Failure, Outcome
from penstock.report import TASK_BATCHES
from penstock.resources.batch import TaskBatch
from penstock.status import Phase
from tests.unit.fake_kube import FakeKube

WORKER = Claimer("w", "pod-1")


class Stage:
    """An app whose batches go to an API server and a broker in memory; the operator's and a worker's part is played by
    hand."""

    def __init__(self) -> None:
        self.app = Penstock("shop", url="memory://", namespace="shop")
        self.kube = FakeKube()
        self.broker = self.app.broker()

        @self.app.task(queue="emails", max_attempts=5, timeout=30)
        async def send_welcome(user: int, *, locale: str = "en") -> float:
            return user / 2

        @self.app.task
        async def other() -> None: ...

        self.send_welcome, self.other = send_welcome, other

    async def client(self) -> BatchClient:
        source = self.app.connections.tasks
        return BatchClient(self.kube, self.broker, "shop", source=source, reach=self.client)

    def batch(self, name: str = "w") -> Manifest:
        return self.kube.the(TASK_BATCHES, "shop", name)

    async def claim(self) -> list[Begun]:
        return (await self.broker.claim("emails", WORKER, 10_000)).begun

    async def end(self, begun: Begun, phase: Phase = Phase.SUCCEEDED, result: bytes | None = None) -> None:
        failure = None if phase is Phase.SUCCEEDED else Failure("ValueError", "as asked")
        outcome = Outcome(id=begun.lease.id, task="", phase=phase, finished_at=1.0, result=result, failure=failure)
        settlement = Settlement(lease=begun.lease, verb=Verb.END, phase=phase, outcome=outcome, life=60.0)
        assert await self.broker.settle([settlement]) == [True]

    async def report(self, phase: str, reason: str = "", run: int = 1, **counts: object) -> None:
        """What the operator writes."""
        conditions = [{"type": "Finished", "reason": reason, "message": f"said {reason}"}]
        status = {"phase": phase, "run": run, "conditions": conditions, "startedAt": "2026-11-21T10:00:00Z", **counts}
        await self.kube.replace_status(TASK_BATCHES, "shop", "w", status)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(batch, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(batch_stream, "ROOM_SECONDS", 0.001)
    stage = Stage()
    monkeypatch.setattr(stage.app.connections, "batches", stage.client)
    return stage


class TestSubmitting:
    async def test_items_are_streamed_and_then_counted(self, stage: Stage) -> None:
        calls = (stage.send_welcome.s(number) for number in range(1200))
        handle = await stage.app.batch(calls, name="w", parallelism=1000, max_failures=3, deadline=60, ttl=100_000)
        TaskBatch.stored(stage.batch())
        assert handle.name == "w"
        assert stage.batch()["spec"] == {
            "task": "shop.send_welcome",
            "queue": "emails",
            "priority": "normal",
            "timeoutSeconds": 30.0,
            "retry": {
                "maxAttempts": 5,
                "backoff": {"initialSeconds": 1.0, "factor": 2.0, "maxSeconds": 300.0, "jitter": True},
            },
            "parallelism": 1000,
            "failurePolicy": {"maxFailures": 3},
            "deadlineSeconds": 60.0,
            "ttlSecondsAfterFinished": 100_000,
            "run": 1,
            "itemCount": 1200,
        }
        begun = await stage.claim()
        assert len(begun) == 1000
        message = decode(begun[-1].message)
        assert (message.payload, message.result_ttl, message.resource) == (b"[[999],{}]", 100_000, None)
        assert message.id == f"emails.b.{stage.batch()['metadata']['uid']}.999"

    async def test_async_iterables(self, stage: Stage) -> None:
        async def calls() -> AsyncIterator[Signature[float]]:
            for number in range(700):
                yield stage.send_welcome.s(number, locale="de")

        handle = await stage.app.batch(calls())
        assert handle.name.startswith("shop-send-welcome-")
        assert stage.batch(handle.name)["spec"]["itemCount"] == 700

    async def test_a_slow_iterable_is_not_waited_for(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch_stream, "PATIENCE_SECONDS", 0.0)
        sent: list[int] = []

        async def calls() -> AsyncIterator[Signature[float]]:
            for number in range(3):
                sent.append(len(await stage.claim()))
                yield stage.send_welcome.s(number)

        await stage.app.batch(calls())
        assert sum(sent) + len(await stage.claim()) == 3
        assert sum(sent) > 0

    async def test_a_full_queue_holds_it_up(self, stage: Stage) -> None:
        await stage.broker.configure("emails", QueueConfig(limits=Limits(depth=2)))

        async def calls() -> AsyncIterator[Signature[float]]:
            for number in range(2):
                yield stage.send_welcome.s(number)

        await stage.app.batch(calls())
        await stage.broker.configure("emails", None)
        assert len(await stage.claim()) == 2

    async def test_middlewares_see_its_calls(self, stage: Stage) -> None:
        class German(Middleware):
            async def send(self, calls: Sequence[Signature[Any]], send: Send) -> list[Handle[Any]]:
                handles = await send([stage.send_welcome.s(int(str(call.args[0])), locale="de") for call in calls])
                seen.extend(handle.id for handle in handles)
                return handles

        seen: list[str] = []
        stage.app.add_middleware(German())
        await stage.app.batch(stage.send_welcome.s(number) for number in range(2))
        begun = await stage.claim()
        assert [decode(one.message).payload for one in begun] == [b'[[0],{"locale":"de"}]', b'[[1],{"locale":"de"}]']
        assert seen == [one.lease.id for one in begun]

    async def test_it_goes_on_where_its_submitter_died(self, stage: Stage) -> None:
        def calls(upto: int) -> Iterator[Signature[float]]:
            for number in range(1000):
                if number == upto:
                    raise RuntimeError("died")
                yield stage.send_welcome.s(number)

        with pytest.raises(RuntimeError) as caught:
            await stage.app.batch(calls(700), name="w")
        assert "stream all of them again with name='w', or cancel it" in caught.value.__notes__[0]
        assert "itemCount" not in stage.batch()["spec"]
        await stage.report("Running")
        [first, *_] = await stage.claim()
        await stage.end(first)
        await stage.app.batch(calls(1000), name="w")
        assert stage.batch()["spec"]["itemCount"] == 1000
        assert len(await stage.claim()) == 500

    async def test_a_name_that_is_taken(self, stage: Stage) -> None:
        await stage.app.batch([stage.send_welcome.s(1)], name="w")
        with pytest.raises(ConfigurationError, match="TaskBatch 'w' exists already and waits for no items"):
            await stage.app.batch([stage.send_welcome.s(1)], name="w")

    async def test_one_that_the_broker_has_lost(self, stage: Stage) -> None:
        async def calls() -> AsyncIterator[Signature[float]]:
            for number in range(1000):
                if number == 700:
                    await stage.broker.forget_batch(f"emails.b.{stage.batch()['metadata']['uid']}")
                yield stage.send_welcome.s(number)

        with pytest.raises(SubmissionError, match="the broker has lost it, or it was deleted"):
            await stage.app.batch(calls(), name="w")

    async def test_a_refusal_of_the_api_server(self, stage: Stage) -> None:
        stage.kube.refuse = lambda method, _path: ApiRefused(403, "Forbidden", "no") if method == "POST" else None
        with pytest.raises(ApiRefused, match="403"):
            await stage.app.batch([stage.send_welcome.s(1)], name="w")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda stage: stage.send_welcome.options(delay=5).s(1), "delay=5 isn't for items of a batch"),
        (lambda stage: stage.send_welcome.options(key="k").s(1), "key='k' isn't for items of a batch"),
        (lambda stage: stage.send_welcome.options(resource=True).s(1), "resource=True isn't for items"),
        (lambda stage: stage.other.s(), r"shop.other in queue 'shop' among calls of shop.send_welcome"),
        (lambda stage: stage.send_welcome.options(queue="slow").s(1), "a batch is of one task and one queue"),
    ],
)
async def test_what_is_no_item(stage: Stage, call: Callable[[Stage], Signature[Any]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await stage.app.batch([stage.send_welcome.s(0), call(stage)])


async def test_what_is_no_batch(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="give it at least one call"):
        await stage.app.batch([])
    with pytest.raises(ConfigurationError, match="they exclude each other"):
        await stage.app.batch([stage.send_welcome.s(0)], max_failures=1, max_failure_ratio=0.5)
    with pytest.raises(ConfigurationError, match=r"batch\(parallelism=0\): use a whole number from 1"):
        await stage.app.batch([stage.send_welcome.s(0)], parallelism=0)
    with pytest.raises(TypeError, match=r"batch\(paralelism=…\): no such option; did you mean 'parallelism'"):
        await stage.app.batch([stage.send_welcome.s(0)], paralelism=1)  # type: ignore[call-arg]  # that's the point


async def test_without_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    app = Penstock("shop", url="memory://")

    @app.task
    async def noop() -> None: ...

    with pytest.raises(ConfigurationError, match="memory:// has no batches: without a cluster, use app"):
        await app.batch([noop.s()])
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    app = Penstock("shop", url="redis://localhost")
    with pytest.raises(ConfigurationError, match="a batch is a TaskBatch resource: without a cluster, use"):
        await app.batch_handle("w").status()


class TestFollowing:
    @pytest.fixture
    async def handle(self, stage: Stage) -> BatchHandle[float]:
        return await stage.app.batch((stage.send_welcome.s(number) for number in range(5)), name="w")

    async def test_counts(self, stage: Stage, handle: BatchHandle[float]) -> None:
        assert (await handle.status()).phase is BatchPhase.PENDING
        await stage.report("Running", total=5, waiting=1, active=1, succeeded=1, failed=2, failedIndexes="1,2")
        status = await handle.status()
        assert (status.phase, status.total, status.waiting, status.active) == (BatchPhase.RUNNING, 5, 1, 1)
        assert (status.succeeded, status.failed, status.cancelled, status.failed_indexes) == (1, 2, 0, "1,2")

    async def test_the_end_is_awaited(self, stage: Stage, handle: BatchHandle[float]) -> None:
        with pytest.raises(ResultTimeout, match=r"TaskBatch w hasn't ended after 0.01 s; it goes on"):
            await handle.result(timeout=0.01)
        await stage.report("Succeeded", "Completed", succeeded=5)
        assert (await handle.result(timeout=5)).succeeded == 5
        await stage.report("Failed", "FailedItems")
        with pytest.raises(BatchFailed, match="TaskBatch w: FailedItems: said FailedItems"):
            await handle.result()
        assert (await handle.wait()).reason == "FailedItems"

    async def test_results_and_failures(self, stage: Stage, handle: BatchHandle[float]) -> None:
        begun = await stage.claim()
        await stage.end(begun[0], result=b"0.5")
        await stage.end(begun[1], Phase.FAILED)
        await stage.end(begun[2], Phase.DEAD_LETTERED)
        await stage.end(begun[3], Phase.CANCELLED)
        found = [one async for one in handle.results()]
        assert found[0] == (0, 0.5)
        assert [(index, type(error)) for index, error in found[1:]] == [
            (1, TaskFailed),
            (2, TaskFailed),
            (3, TaskCancelled),
        ]
        assert [(index, str(error).partition(" ")[2]) async for index, error in handle.failures()] == [
            (1, "ValueError: as asked"),
            (2, "ValueError: as asked"),
        ]

    async def test_what_the_broker_keeps_no_longer(self, stage: Stage, handle: BatchHandle[float]) -> None:
        [begun, *_] = await stage.claim()
        await stage.end(begun, result=b"1")
        stage.broker._memory.forget(begun.lease.id)  # type: ignore[attr-defined]  # it is the one in memory
        [(_, error)] = [one async for one in handle.results()]
        assert isinstance(error, ResultExpired)
        await stage.broker.forget_batch(begun.lease.id.rpartition(".")[0])
        with pytest.raises(ResultExpired, match="the broker has no record of it"):
            [one async for one in handle.results()]

    async def test_steering(self, stage: Stage, handle: BatchHandle[float]) -> None:
        await stage.report("Running")
        assert await handle.suspend()
        assert stage.batch()["spec"]["suspend"] is True
        assert await handle.resume()
        assert await handle.cancel()
        assert (stage.batch()["spec"]["suspend"], stage.batch()["spec"]["cancel"]) == (False, True)
        with pytest.raises(ConfigurationError, match="'w' is Running: wait for its end, or cancel it, and then retry"):
            await handle.retry()
        await stage.report("Cancelled")
        assert not await handle.cancel()
        assert await handle.retry() == 2
        assert (stage.batch()["spec"]["run"], stage.batch()["spec"]["cancel"]) == (2, False)
        assert (await handle.status()).phase is BatchPhase.PENDING

    async def test_one_that_there_is_not(self, stage: Stage) -> None:
        handle = stage.app.batch_handle("nobody")
        assert repr(handle) == "BatchHandle('nobody')"
        with pytest.raises(UnknownTask, match="no TaskBatch 'nobody' in namespace 'shop'"):
            await handle.status()

    async def test_all_of_them(self, stage: Stage, handle: BatchHandle[float]) -> None:
        client = await stage.client()
        assert [(name, status.phase) for name, status in await client.names()] == [("w", BatchPhase.PENDING)]

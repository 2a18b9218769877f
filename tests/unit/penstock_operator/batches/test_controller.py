from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from penstock.batch_terms import batch_terms
from penstock.broker import Broker
from penstock.broker.memory import MemoryBroker
from penstock.broker.memory.state import Memory
from penstock.broker.messages import Begun, Limits, QueueConfig, Settlement, Verb
from penstock.envelope import Envelope, decode
from penstock.errors import ApiRefused
from penstock.keys import item_id
from penstock.kube import Manifest
from penstock.outcome import Failure, Outcome
from penstock.resources.batch import TaskBatchSpec
from penstock.status import Phase
from penstock_operator.admission.decisions import QueueRules
from penstock_operator.api import EVENTS, TASK_BATCHES
from penstock_operator.batches.controller import Batches
from penstock_operator.batches.view import BatchBody
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.watching.source import Source
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import NAMESPACE, WORKER, Clock, told


class BatchRig:
    """TaskBatches as the operator handles them, with a worker's part played by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.rules = QueueRules()
        self.brokers = Brokers("memory://", clock=self.clock)
        self.kube = FakeKube(self.clock)
        self.kube.tell(TASK_BATCHES, lambda type, body: told(self.batches, BatchBody, type, body))
        self.operate()

    def operate(self) -> None:
        """Another operator process, which knows nothing yet."""
        events = Events(self.kube, "test")
        self.batches = Batches(self.kube, self.brokers, events, lambda _namespace, _queue: self.rules, self.clock)

    async def restart(self) -> None:
        """The operator dies, and another takes over."""
        await self.batches.queue.stop()
        self.operate()
        self.batches.queue.start()
        for body in self.kube.stored(TASK_BATCHES):
            told(self.batches, BatchBody, "ADDED", body)
        await self.idle()

    @property
    def broker(self) -> Broker:
        return self.brokers.of(NAMESPACE)

    async def idle(self) -> None:
        await asyncio.wait_for(self.batches.queue.idle(), 5)

    async def apply(self, **spec: object) -> Manifest:
        """Create the batch and wait for the operator."""
        body = {"metadata": {"name": "a"}, "spec": {"task": "mail.send", **spec}}
        created = await self.kube.create(TASK_BATCHES, NAMESPACE, body)
        await self.idle()
        return created

    async def stream(self, count: int, **spec: object) -> Manifest:
        """Create it and send it items, as the SDK does."""
        created = await self.apply(**spec)
        terms = batch_terms(TaskBatchSpec.stored(created["spec"]), created["metadata"]["uid"])
        await self.broker.tend(terms, create=True)
        messages = [
            Envelope(id=item_id(terms.id, index), task="mail.send", queue="mail", created_at=self.clock())
            for index in range(count)
        ]
        assert await self.broker.send_items(messages) == count
        return created

    async def change(self, **spec: object) -> None:
        await self.kube.merge(TASK_BATCHES, NAMESPACE, "a", {"spec": spec})
        await self.idle()

    async def later(self, seconds: float = 1.0) -> None:
        """Let time pass; the operator looks again, as it does every second."""
        self.clock.pass_(seconds)
        self.batches.queue.add((NAMESPACE, "a"))
        await self.idle()

    async def claim(self) -> list[Begun]:
        return (await self.broker.claim("mail", WORKER, 1000)).begun

    async def end(self, begun: list[Begun], phase: Phase = Phase.SUCCEEDED) -> None:
        await self.broker.settle([self._settlement(one, phase) for one in begun])

    def _settlement(self, begun: Begun, phase: Phase) -> Settlement:
        failure = None if phase is Phase.SUCCEEDED else Failure("ValueError", "as asked")
        outcome = Outcome(id=begun.lease.id, task="mail.send", phase=phase, finished_at=self.clock(), failure=failure)
        return Settlement(lease=begun.lease, verb=Verb.END, phase=phase, outcome=outcome, life=3600.0)

    def status(self) -> Manifest:
        return dict(self.kube.the(TASK_BATCHES, NAMESPACE, "a")["status"])

    def said(self, *fields: str) -> list[object]:
        status = self.status()
        return [status.get(field) for field in fields]

    def condition(self, type: str) -> tuple[str, str]:
        [found] = [one for one in self.status()["conditions"] if one["type"] == type]
        return found["status"], found["reason"]

    def lose(self) -> None:
        """The broker forgets everything, as an empty Redis after a fail-over."""
        broker = self.broker
        assert isinstance(broker, MemoryBroker)
        broker._memory = Memory(self.clock, broker._memory._woken)


@pytest.fixture
async def rig() -> AsyncIterator[BatchRig]:
    rig = BatchRig()
    rig.batches.queue.start()
    yield rig
    rig.kube.refuse = lambda _method, _path: None
    await rig.idle()
    await rig.batches.queue.stop()


def inline(count: int) -> list[Manifest]:
    return [{"args": [number], "kwargs": {"locale": "en"}} for number in range(count)]


class TestInline:
    async def test_it_completes(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(3), priority="high", timeoutSeconds=5, retry={"maxAttempts": 2})
        assert rig.said("phase", "total", "active", "run") == ["Running", 3, 3, 1]
        begun = await rig.claim()
        message = decode(begun[1].message)
        assert (message.payload, message.timeout, message.resource) == (b'[[1],{"locale":"en"}]', 5, None)
        assert message.retry is not None
        assert message.retry.max_attempts == 2
        assert message.result_ttl == 86400
        await rig.end(begun)
        await rig.later()
        assert rig.said("phase", "succeeded", "active", "waiting") == ["Succeeded", 3, 0, 0]
        assert rig.condition("Complete") == rig.condition("Finished") == ("True", "Completed")
        assert rig.condition("Stalled")[0] == rig.condition("Reconciling")[0] == "False"

    async def test_many_are_sent_in_parts(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(1200))
        assert [int(one.lease.id.rpartition(".")[2]) for one in await rig.claim()] == list(range(1000))

    async def test_a_full_queue_takes_them_by_and_by(self, rig: BatchRig) -> None:
        await rig.broker.configure("mail", QueueConfig(limits=Limits(depth=2)))
        await rig.apply(items=inline(3))
        assert rig.said("phase", "active", "waiting") == ["Running", 2, 1]
        assert rig.condition("Admitted") == ("True", "Sending")
        await rig.end(await rig.claim())
        await rig.later()
        assert rig.said("succeeded", "active", "waiting") == [2, 1, 0]

    async def test_no_items(self, rig: BatchRig) -> None:
        await rig.apply(items=[])
        assert rig.said("phase", "total") == ["Succeeded", 0]

    async def test_too_large_an_item_is_refused(self, rig: BatchRig) -> None:
        await rig.apply(items=[{"args": ["x" * 200_000]}])
        assert rig.said("phase", "cancelled") == ["Failed", 1]
        assert rig.condition("Failed") == ("True", "PayloadTooLarge")
        assert await rig.claim() == []

    async def test_a_restarted_operator_goes_on(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(4), parallelism=2)
        await rig.end((await rig.claim())[:1])
        rig.clock.pass_(1)
        await rig.restart()
        assert rig.said("phase", "succeeded", "active", "waiting") == ["Running", 1, 2, 1]

    async def test_what_redis_has_lost_is_sent_again(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(3))
        await rig.end((await rig.claim())[:1])
        rig.lose()
        await rig.later()
        assert rig.said("phase", "active") == ["Running", 3]
        await rig.end(await rig.claim())
        await rig.later()
        assert rig.said("phase", "succeeded") == ["Succeeded", 3]


class TestStreamed:
    async def test_it_ends_once_it_is_known_how_many_there_are(self, rig: BatchRig) -> None:
        await rig.apply()
        assert rig.said("phase", "total") == ["Pending", 0]
        await rig.kube.delete(TASK_BATCHES, NAMESPACE, "a")
        await rig.idle()
        await rig.stream(2)
        await rig.later()
        assert rig.said("phase", "total") == ["Running", 2]
        await rig.end(await rig.claim())
        await rig.later()
        assert rig.said("phase", "succeeded") == ["Running", 2]
        await rig.later()
        await rig.change(itemCount=2)
        await rig.later()
        assert rig.said("phase") == ["Succeeded"]

    async def test_lost_items_are_told(self, rig: BatchRig) -> None:
        await rig.stream(3)
        await rig.end((await rig.claim())[:1])
        await rig.later()
        rig.lose()
        await rig.later()
        assert rig.said("phase", "total", "succeeded", "cancelled") == ["Failed", 3, 1, 2]
        assert rig.condition("Stalled") == ("True", "ItemsLost")


class TestFailures:
    async def test_all_are_run_and_the_failed_ones_named(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(6))
        begun = await rig.claim()
        await rig.end([begun[0], begun[5]])
        await rig.end(begun[1:4], Phase.DEAD_LETTERED)
        await rig.end([begun[4]], Phase.FAILED)
        await rig.later()
        assert rig.said("phase", "failed", "failedIndexes") == ["Failed", 4, "1-4"]
        assert rig.condition("Failed") == ("True", "FailedItems")
        [event] = rig.kube.stored(EVENTS)
        assert event["note"] == "4 of 6 items of task mail.send failed"

    async def test_too_many_cancel_the_rest(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(6), failurePolicy={"maxFailures": 1})
        begun = (await rig.broker.claim("mail", WORKER, 3)).begun
        await rig.end(begun[:2], Phase.FAILED)
        await rig.later()
        assert rig.said("phase", "failed", "cancelled", "active") == ["Running", 2, 3, 1]
        await rig.end(begun[2:], Phase.CANCELLED)
        await rig.later()
        assert rig.said("phase", "failed", "cancelled", "active") == ["Failed", 2, 4, 0]
        assert rig.condition("Failed") == ("True", "TooManyFailures")

    async def test_only_what_did_not_succeed_runs_again(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(3), failurePolicy={"maxFailures": 0})
        [first, second, _] = await rig.claim()
        await rig.end([first])
        await rig.end([second], Phase.FAILED)
        await rig.later()
        await rig.end([_], Phase.CANCELLED)
        await rig.later()
        assert rig.said("phase", "failed", "cancelled") == ["Failed", 1, 1]
        rig.clock.pass_(1)
        await rig.change(run=2)
        assert rig.said("phase", "run", "succeeded", "active", "failedIndexes", "finishedAt") == [
            *("Running", 2, 1, 2),
            *(None, None),
        ]
        begun = await rig.claim()
        assert [decode(one.message).payload for one in begun] == [
            b'[[1],{"locale":"en"}]',
            b'[[2],{"locale":"en"}]',
        ]
        await rig.end(begun)
        await rig.later()
        assert rig.said("phase", "run", "succeeded") == ["Succeeded", 2, 3]


class TestSteering:
    async def test_cancel(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(5), parallelism=2)
        [running, _] = await rig.claim()
        await rig.broker.settle([Settlement(lease=_.lease, verb=Verb.RETRY, phase=Phase.RETRYING, delay=60)])
        rig.clock.pass_(1)
        await rig.change(cancel=True)
        assert rig.said("phase", "cancelled", "active") == ["Running", 4, 1]
        await rig.end([running], Phase.CANCELLED)
        await rig.later()
        assert rig.said("phase", "cancelled") == ["Cancelled", 5]
        assert rig.condition("Complete") == ("False", "Cancelled")

    async def test_suspend_and_resume(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(5))
        [running] = (await rig.broker.claim("mail", WORKER, 1)).begun
        rig.clock.pass_(1)
        await rig.change(suspend=True)
        assert rig.said("phase", "active", "waiting") == ["Suspended", 1, 4]
        assert await rig.claim() == []
        await rig.end([running])
        rig.clock.pass_(1)
        await rig.change(suspend=False)
        assert rig.said("phase", "active") == ["Running", 4]
        await rig.end(await rig.claim())
        await rig.later()
        assert rig.said("phase", "succeeded") == ["Succeeded", 5]

    async def test_parallelism_is_raised(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(5), parallelism=1)
        rig.clock.pass_(1)
        await rig.change(parallelism=3)
        assert rig.said("active", "waiting") == [3, 2]

    async def test_a_deadline(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(2), deadlineSeconds=10)
        await rig.later(10)
        assert rig.said("phase", "cancelled") == ["Failed", 2]
        assert rig.condition("Failed") == ("True", "DeadlineExceeded")

    async def test_deleting_it_cancels_what_is_left(self, rig: BatchRig) -> None:
        created = await rig.apply(items=inline(3), parallelism=2)
        await rig.kube.delete(TASK_BATCHES, NAMESPACE, "a")
        await rig.idle()
        assert await rig.claim() == []
        assert await rig.broker.look(f"mail.b.{created['metadata']['uid']}") is None

    async def test_it_expires(self, rig: BatchRig) -> None:
        await rig.apply(items=[], ttlSecondsAfterFinished=60)
        await rig.later(59)
        assert rig.kube.stored(TASK_BATCHES)
        await rig.later(1)
        assert not rig.kube.stored(TASK_BATCHES)


class TestWriting:
    async def test_at_most_once_a_second_and_only_what_has_changed(self, rig: BatchRig) -> None:
        await rig.apply(items=inline(3))
        assert rig.kube.written("PATCH", "taskbatches") == 1
        await rig.end((await rig.claim())[:1])
        await rig.later(0.5)
        assert rig.kube.written("PATCH", "taskbatches") == 1
        await rig.later(0.5)
        await rig.later(0.5)
        await rig.later(5)
        assert rig.kube.written("PATCH", "taskbatches") == 2
        assert rig.said("succeeded") == [1]

    async def test_a_finished_one_that_vanished_is_forgotten(self, rig: BatchRig) -> None:
        await rig.apply(items=[], ttlSecondsAfterFinished=5)
        rig.kube.vanish(TASK_BATCHES, NAMESPACE, "a")
        await rig.later(5)
        assert not rig.batches._views

    async def test_a_refused_status_is_written_later(self, rig: BatchRig) -> None:
        rig.kube.refuse = lambda method, _path: ApiRefused(503, "", "busy") if method == "PATCH" else None
        body = {"metadata": {"name": "a"}, "spec": {"task": "mail.send", "items": []}}
        await rig.kube.create(TASK_BATCHES, NAMESPACE, body)
        await rig.idle()
        rig.kube.refuse = lambda _method, _path: None
        await rig.later()
        assert rig.said("phase") == ["Succeeded"]

    async def test_a_change_after_the_end_is_observed(self, rig: BatchRig) -> None:
        await rig.apply(items=[])
        rig.clock.pass_(1)
        await rig.change(suspend=True)
        assert rig.said("phase", "observedGeneration") == ["Succeeded", 2]
        assert {one["observedGeneration"] for one in rig.status()["conditions"]} == {2}

    async def test_what_is_not_understood_fails_and_says_so(self, rig: BatchRig) -> None:
        await rig.apply(parallelism="many", items=[{}])
        [failed] = [one for one in rig.status()["conditions"] if one["type"] == "Failed"]
        assert (rig.said("phase"), failed["reason"]) == (["Failed"], "InvalidSpec")
        assert failed["message"].startswith("parallelism: ")
        assert (await rig.broker.depth(["mail"]))["mail"].ready == 0

    async def test_one_that_a_finalizer_keeps_is_cancelled(self, rig: BatchRig) -> None:
        await rig.apply(items=[{}, {}])
        rig.kube.mark_deleted(TASK_BATCHES, NAMESPACE, "a")
        await rig.idle()
        await rig.later()
        assert (rig.said("phase"), rig.said("cancelled")) == (["Cancelled"], [2])
        assert (await rig.broker.depth(["mail"]))["mail"].ready == 0

    async def test_what_is_not_understood_any_more_is_cancelled(self, rig: BatchRig) -> None:
        await rig.apply(items=[{}, {}])
        await rig.kube.merge(TASK_BATCHES, NAMESPACE, "a", {"spec": {"parallelism": "many"}})
        await rig.idle()
        await rig.later()
        assert (rig.said("phase"), rig.said("cancelled")) == (["Failed"], [2])
        assert (await rig.broker.depth(["mail"]))["mail"].ready == 0

    def test_one_that_is_nested_too_deep_is_not_read(self) -> None:
        spec = b'{"task": "mail.send", "items": [{"args": [%b]}]}' % (b"[" * 300 + b"]" * 300)
        body = b'{"metadata": {"uid": "u"}, "spec": %b}' % spec
        assert Source("", BatchBody).read(body).problem == (
            "spec.items: it is nested deeper than 100 levels: pass a reference instead"
        )

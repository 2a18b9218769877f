from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from penstock import workqueue
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Claimer, Settlement, Verb
from penstock.envelope import Envelope, ResourceRef
from penstock.errors import ApiRefused, PenstockError
from penstock.kube import Manifest
from penstock.outcome import Outcome
from penstock.report import TASKS
from penstock.standing import Standing
from penstock.status import Phase
from penstock_worker.reporter import ApiReporter
from tests.unit.fake_kube import FakeKube
from tests.waiting import wait_for

REF = ResourceRef("shop", "welcome", "00000000-0000-0000-0000-000000000001")
ENVELOPE = Envelope(id="mail.uid-1-1", task="mail.send", queue="mail", created_at=1.0, resource=REF)


class Rig:
    """A reporter between an API server and a broker whose outbox holds the outcome."""

    def __init__(self) -> None:
        self.kube = FakeKube()
        self.broker = MemoryBroker("shop")
        self.reporter = ApiReporter(self.kube, self.broker)

    async def settle(self) -> Outcome:
        """The Task ends; its outcome is in the outbox."""
        await self.broker.send([ENVELOPE])
        [begun] = (await self.broker.claim("mail", Claimer("w", "pod-1"), 1)).begun
        outcome = Outcome(
            id=ENVELOPE.id, task="mail.send", phase=Phase.SUCCEEDED, finished_at=time.time(), result=b"7", resource=REF
        )
        end = Settlement(lease=begun.lease, verb=Verb.END, phase=Phase.SUCCEEDED, outcome=outcome, life=60.0)
        await self.broker.settle([end])
        return outcome

    def status(self) -> Manifest:
        """The Task's status."""
        return dict(self.kube.the(TASKS, "shop", "welcome")["status"])

    def writes(self) -> int:
        """How often it was written."""
        return self.kube.written("PATCH", "tasks")

    async def until_cleared(self) -> None:
        """Until the outcome has been told."""

        async def cleared() -> bool:
            return not await self.broker.outbox("mail", 10)

        await wait_for(cleared, "the outbox to be empty", patience=5)


def running(percent: float | None = None) -> Standing:
    return Standing(Phase.RUNNING, "Running", "attempt 1 runs", 1.0, attempts=1, worker="pod-1", percent=percent)


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(workqueue, "FIRST_PAUSE_SECONDS", 0.001)
    rig = Rig()
    await rig.kube.create(TASKS, "shop", {"metadata": {"name": "welcome"}, "spec": {"task": "mail.send"}})
    async with rig.reporter:
        yield rig
        rig.kube.refuse = lambda _method, _path: None
        await rig.reporter.drain(5)


async def test_an_outcome_is_told_and_struck_off_the_outbox(rig: Rig) -> None:
    rig.reporter.ended([await rig.settle()])
    await rig.reporter.drain(5)
    assert (rig.status()["phase"], rig.status()["result"], rig.writes()) == ("Succeeded", 7, 1)
    assert await rig.broker.outbox("mail", 10) == []


async def test_a_running_task_is_told(rig: Rig) -> None:
    rig.reporter.standing(ENVELOPE, running(40))
    await rig.reporter.drain(5)
    assert (rig.status()["phase"], rig.status()["progress"]["percent"]) == ("Running", 40)


async def test_a_task_that_is_no_resource_is_not(rig: Rig) -> None:
    rig.reporter.standing(structs.replace(ENVELOPE, resource=None), running())
    await rig.reporter.drain(5)
    assert rig.writes() == 0


async def test_only_the_latest_of_many_reports_is_written(rig: Rig) -> None:
    for percent in range(100):
        rig.reporter.standing(ENVELOPE, running(percent))
    await rig.reporter.drain(5)
    assert (rig.status()["progress"]["percent"], rig.writes()) == (99, 1)


async def test_an_outcome_wins_over_what_was_said_before_and_after(rig: Rig) -> None:
    rig.reporter.standing(ENVELOPE, running())
    rig.reporter.ended([await rig.settle()])
    rig.reporter.standing(ENVELOPE, running(99))
    await rig.reporter.drain(5)
    assert (rig.status()["phase"], rig.writes()) == ("Succeeded", 1)


async def test_an_outage_of_the_api_server_is_waited_out(rig: Rig) -> None:
    refusals = [ApiRefused(503, "ServiceUnavailable", "later")] * 3
    rig.kube.refuse = lambda _method, _path: refusals.pop() if refusals else None
    rig.reporter.ended([await rig.settle()])
    await rig.until_cleared()
    assert rig.status()["phase"] == "Succeeded"


async def test_until_it_is_told_it_stays_in_the_outbox(rig: Rig) -> None:
    asked: list[str] = []

    def away(method: str, path: str) -> PenstockError:
        asked.append(path)
        return ApiRefused(503, "ServiceUnavailable", "later")

    rig.kube.refuse = away
    rig.reporter.ended([await rig.settle()])

    async def tried() -> bool:
        return len(asked) >= 2

    await wait_for(tried, "two attempts to report", patience=5)
    assert len(await rig.broker.outbox("mail", 10)) == 1
    rig.kube.refuse = lambda _method, _path: None
    await rig.until_cleared()


async def test_the_outcome_of_a_deleted_task_is_struck_off(rig: Rig) -> None:
    await rig.kube.delete(TASKS, "shop", "welcome")
    rig.reporter.ended([await rig.settle()])
    await rig.reporter.drain(5)
    assert await rig.broker.outbox("mail", 10) == []


async def test_draining_has_its_time(rig: Rig) -> None:
    await rig.reporter.drain(0.01)


async def test_draining_waits_for_what_failed_and_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "FIRST_PAUSE_SECONDS", 0.1)
    refusals = [ApiRefused(503, "ServiceUnavailable", "later")]
    rig.kube.refuse = lambda _method, _path: refusals.pop() if refusals else None
    rig.reporter.ended([await rig.settle()])
    await rig.reporter.drain(5)
    assert rig.status()["phase"] == "Succeeded"

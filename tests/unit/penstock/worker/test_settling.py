from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from msgspec import structs

from penstock.broker.messages import Begun, Settlement, Verb
from penstock.errors import Refused, TooLarge
from penstock.outcome import Outcome
from penstock.status import Phase
from penstock.worker import settling as module
from penstock.worker.settling import Settling
from tests.unit.penstock.worker.brokers import ME, FlakyBroker, begun, message
from tests.waiting import wait_for


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FlakyBroker:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.004)
    return FlakyBroker()


def success(start: Begun) -> Settlement:
    outcome = Outcome(id=start.lease.id, task="shop.send", phase=Phase.SUCCEEDED, finished_at=time.time())
    return Settlement(lease=start.lease, verb=Verb.END, phase=Phase.SUCCEEDED, outcome=outcome, life=60.0)


class Answers:
    """What those hear who wait for a settlement."""

    def __init__(self) -> None:
        self.heard: dict[str, bool] = {}

    def of(self, settling: Settling, start: Begun) -> None:
        """Settle it."""
        settling.add(success(start), lambda written: self.heard.update({start.lease.id: written is not None}))

    async def reach(self, count: int) -> None:
        async def heard() -> bool:
            return len(self.heard) >= count

        await wait_for(heard, f"{count} answers", patience=5)


@pytest.fixture
def answers() -> Answers:
    return Answers()


async def test_an_outcome_is_settled(broker: FlakyBroker, answers: Answers) -> None:
    answers.of(Settling(broker), await begun(broker))
    await answers.reach(1)
    assert answers.heard == {"mail.1": True}
    [found] = await broker.snapshots(["mail.1"])
    assert found is not None
    assert found.phase is Phase.SUCCEEDED


async def test_a_lost_lease_is_told(broker: FlakyBroker, answers: Answers) -> None:
    settling, start = Settling(broker), await begun(broker)
    for expected in (True, False):
        answers.heard.clear()
        answers.of(settling, start)
        await answers.reach(1)
        assert answers.heard == {"mail.1": expected}


async def test_everybody_hears_of_his_own(broker: FlakyBroker, answers: Answers) -> None:
    lost, held = await begun(broker, "1"), await begun(broker, "2")
    await broker.settle([success(lost)])
    settling = Settling(broker)
    answers.of(settling, lost)
    answers.of(settling, held)
    await answers.reach(2)
    assert answers.heard == {"mail.1": False, "mail.2": True}


async def test_it_goes_on_trying_while_the_broker_is_away(broker: FlakyBroker, answers: Answers) -> None:
    broker.outages["settle"] = 5
    answers.of(Settling(broker), await begun(broker))
    await answers.reach(1)
    assert broker.calls["settle"] == 6


async def test_what_ends_together_is_settled_together(broker: FlakyBroker, answers: Answers) -> None:
    starts = [await begun(broker, str(n)) for n in range(4)]
    settling = Settling(broker)
    for start in starts:
        answers.of(settling, start)
    await answers.reach(4)
    assert [len(batch) for batch in broker.settled] == [4]


async def test_what_ends_during_an_outage_is_the_next_batch(broker: FlakyBroker, answers: Answers) -> None:
    first, *others = [await begun(broker, str(n)) for n in range(4)]
    broker.outages["settle"] = 3
    settling = Settling(broker)
    answers.of(settling, first)

    async def tried() -> bool:
        return broker.calls["settle"] > 0

    await wait_for(tried, "the first try", patience=5)
    for start in others:
        answers.of(settling, start)
    await answers.reach(4)
    assert [len(batch) for batch in broker.settled] == [1, 3]


async def test_a_batch_is_of_one_queue_and_of_a_bounded_size(
    broker: FlakyBroker, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    starts = []
    for queue in ("mail", "reports"):
        await broker.send([message(str(n), queue) for n in range(3)])
        starts += (await broker.claim(queue, ME, 3)).begun
    settling = Settling(broker)
    for start in starts:
        answers.of(settling, start)
    await answers.reach(6)
    assert all(len({settlement.lease.queue for settlement in batch}) == 1 for batch in broker.settled)
    assert sorted(len(batch) for batch in broker.settled) == [1, 1, 2, 2]


async def test_an_outage_of_one_queue_holds_up_no_other(
    broker: FlakyBroker, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 3600)
    mail = await begun(broker)
    await broker.send([message("1", "reports")])
    [report] = (await broker.claim("reports", ME, 1)).begun
    broker.outages["settle"] = 1
    settling = Settling(broker)
    answers.of(settling, mail)
    answers.of(settling, report)
    await answers.reach(1)
    assert answers.heard == {"reports.1": True}
    await settling.drain(0.0)


async def test_draining_waits_for_what_is_under_way(broker: FlakyBroker, answers: Answers) -> None:
    broker.outages["settle"] = 3
    settling = Settling(broker)
    answers.of(settling, await begun(broker))
    await settling.drain(5.0)
    assert answers.heard == {"mail.1": True}


async def test_draining_has_its_time(broker: FlakyBroker, answers: Answers) -> None:
    broker.outages["settle"] = 1_000_000
    settling = Settling(broker)
    answers.of(settling, await begun(broker))
    await asyncio.wait_for(settling.drain(0.02), 5)
    assert answers.heard == {}


async def test_an_error_that_is_no_outage_is_told_and_holds_up_nothing(
    broker: FlakyBroker, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await begun(broker, "1"), await begun(broker, "2")
    settling = Settling(broker)
    with monkeypatch.context() as broken:

        async def refuse(settlements: object) -> list[bool]:
            raise ValueError("a bug")

        broken.setattr(broker, "settle", refuse)
        answers.of(settling, one)
        await answers.reach(1)  # so that its lease is given up, and another worker gets the task
    answers.of(settling, other)
    await answers.reach(2)
    assert answers.heard == {"mail.1": False, "mail.2": True}


class Picky(FlakyBroker):
    """Refuses what holds one of these results, and the whole batch with it."""

    def __init__(self, error: Exception, *refused: bytes) -> None:
        super().__init__()
        self._error = error
        self._refused = refused

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        if any(one.outcome and one.outcome.result in self._refused for one in settlements):
            raise self._error
        return await super().settle(settlements)


@pytest.mark.parametrize(
    ("error", "type"),
    [
        (TooLarge("too large for Redis"), "ResultTooLarge"),
        (Refused("no"), "Unwritable"),
        (ValueError("a bug"), "Unwritable"),
    ],
    ids=str,
)
async def test_what_cannot_be_written_is_a_dead_letter_and_harms_no_other(
    answers: Answers, error: Exception, type: str
) -> None:
    broker = Picky(error, b'"bad"')
    settling, starts = Settling(broker), [await begun(broker, str(number)) for number in range(4)]
    written: dict[str, Settlement | None] = {}
    for number, start in enumerate(starts):
        record = success(start)
        result = b'"bad"' if number == 1 else b"1"
        assert record.outcome is not None
        record = structs.replace(record, outcome=structs.replace(record.outcome, result=result))
        settling.add(record, lambda one, id=start.lease.id: written.update({id: one}))  # type: ignore[misc]

    async def heard() -> bool:
        return len(written) == len(starts)

    await wait_for(heard, "all answers", patience=5)
    phases = {id: one.phase if one else None for id, one in written.items()}
    succeeded = dict.fromkeys(("mail.0", "mail.2", "mail.3"), Phase.SUCCEEDED)
    assert phases == succeeded | {"mail.1": Phase.DEAD_LETTERED}
    [found] = await broker.snapshots(["mail.1"])
    assert found is not None
    assert found.outcome is not None
    assert found.outcome.failure is not None
    assert found.outcome.failure.type == type
    assert str(error) in found.outcome.failure.message


async def test_who_fails_to_hear_of_one_end_holds_up_no_other(broker: FlakyBroker, answers: Answers) -> None:
    settling = Settling(broker)

    def fail(written: Settlement | None) -> None:
        raise ValueError("a bug")

    settling.add(success(await begun(broker, "1")), fail)
    answers.of(settling, await begun(broker, "2"))
    await answers.reach(1)

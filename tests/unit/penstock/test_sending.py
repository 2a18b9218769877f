"""Who hears of what when messages share a round trip and something goes wrong. tests/contract has it on Redis, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from penstock import sending
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Receipt, Sent
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError, NotConnected, SubmissionError, TooLarge
from penstock.sending import Answer, Sender, failed

LOST = NotConnected("can't reach Redis: reset", open=True)
GONE = NotConnected("can't reach Redis: refused")


def message(number: int, size: int = 7) -> Envelope:
    return Envelope(id=f"shop.{number}", task="shop.f", queue="shop", created_at=0.0, payload=b"x" * size)


class Broker(MemoryBroker):
    """Fails what it is told to; `sent` are the sizes of what came."""

    def __init__(self) -> None:
        super().__init__("test")
        self.sent: list[int] = []
        self.fails: Callable[[Sequence[Envelope]], Exception | None] = lambda _: None
        self.answers = True

    async def send(self, messages: Sequence[Envelope]) -> list[Receipt]:
        self.sent.append(len(messages))
        if (error := self.fails(messages)) is not None:
            raise error
        return await super().send(messages)

    async def ping(self) -> None:
        if not self.answers:
            raise GONE


@pytest.fixture
def broker() -> Broker:
    return Broker()


def kinds(answers: Sequence[Answer]) -> list[str]:
    return [answer.sent if isinstance(answer, Receipt) else type(answer).__name__ for answer in answers]


async def test_of_a_refused_batch_only_the_offender_fails(broker: Broker) -> None:
    def fails(messages: Sequence[Envelope]) -> Exception | None:
        return OverflowError("too large") if any(one.id == "shop.2" for one in messages) else None

    broker.fails = fails
    answers = await Sender(broker)([message(number) for number in range(5)])
    assert kinds(answers) == [Sent.QUEUED, Sent.QUEUED, "OverflowError", Sent.QUEUED, Sent.QUEUED]


async def test_what_is_refused_to_all_is_not_tried_for_each(broker: Broker) -> None:
    broker.fails = lambda _: SubmissionError("Redis is full (OOM)")
    answers = await Sender(broker)([message(number) for number in range(100)])
    assert kinds(answers) == ["SubmissionError"] * 100
    assert broker.sent == [100, 1, 1]


@pytest.mark.parametrize("error", [GONE, ConfigurationError("no login")])
async def test_an_outage_is_not_tried_again(broker: Broker, error: Exception) -> None:
    broker.fails = lambda _: error
    assert kinds(await Sender(broker)([message(number) for number in range(9)])) == [type(error).__name__] * 9
    assert broker.sent == [9]


async def test_a_lost_reply_is_asked_for_once_more(broker: Broker) -> None:
    errors = [LOST]
    broker.fails = lambda _: errors.pop() if errors else None
    assert kinds(await Sender(broker)([message(1), message(2)])) == [Sent.QUEUED, Sent.QUEUED]
    broker.fails = lambda _: LOST
    answers = await Sender(broker)([message(3), message(4)])
    assert [answer.ids for answer in answers if isinstance(answer, NotConnected) and answer.open] == [
        ["shop.3"],
        ["shop.4"],
    ]
    assert broker.sent == [2, 2, 2, 2]


async def test_what_was_queued_before_the_reply_was_lost_is_known(broker: Broker) -> None:
    await broker.send([message(1)])
    errors = [LOST]
    broker.fails = lambda _: errors.pop() if errors else None
    assert kinds(await Sender(broker)([message(1)])) == [Sent.KNOWN]


async def test_a_reply_that_was_long_in_coming_is_not_awaited_twice(broker: Broker) -> None:
    times = iter([0.0, sending.REPEAT_SECONDS])
    broker.fails = lambda _: LOST
    [answer] = await Sender(broker, lambda: next(times))([message(1)])
    assert isinstance(answer, NotConnected)
    assert (answer.open, broker.sent) == (True, [1])


async def test_nor_is_the_second_one(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "REPEAT_SECONDS", 0.01)
    times = iter([0.0, 0.0])
    replies = 0

    async def send(messages: Sequence[Envelope]) -> list[Receipt]:
        nonlocal replies
        replies += 1
        if replies == 1:
            raise LOST
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(broker, "send", send)
    [answer] = await Sender(broker, lambda: next(times))([message(1)])
    assert kinds([answer]) == ["NotConnected"]


@pytest.mark.parametrize(("answers", "kind"), [(True, "TooLarge"), (False, "NotConnected")])
async def test_a_large_message_that_ends_connections_is_the_reason(broker: Broker, answers: bool, kind: str) -> None:
    broker.fails = lambda messages: LOST if len(messages[0].payload) > 10_000 else None
    broker.answers = answers
    found = await Sender(broker)([message(1), message(2, 3_000_000), message(3)])
    assert kinds(found)[:2] == [Sent.QUEUED, kind]
    assert isinstance(found[1], SubmissionError)
    assert found[1].open is not answers
    if answers:
        assert "a message of 2.9 MiB" in str(found[1])
        assert kinds(found)[2] == Sent.QUEUED


async def test_after_an_outage_nothing_more_of_it_is_tried(broker: Broker) -> None:
    broker.fails = lambda _: LOST
    found = await Sender(broker)([message(number) for number in range(1200)])
    assert [isinstance(one, NotConnected) and one.open for one in found] == [True] * 500 + [False] * 700
    assert broker.sent == [500, 500]


def test_an_error_of_many_has_the_ids_of_all_that_are_open() -> None:
    broker_errors = [sending._left_open(LOST, ["shop.1"]), sending._left_open(LOST, ["shop.2"]), GONE]
    told = failed(broker_errors, ["shop.0"])
    assert isinstance(told, NotConnected)
    assert (told.ids, told.queued, told.open) == (["shop.1", "shop.2"], ["shop.0"], True)
    assert str(told).count("may or may not") == 1
    assert isinstance(failed([TooLarge("x")], ["shop.0"]), TooLarge)
    assert failed([ValueError("x")], ["shop.0"]).__notes__ == ["1 calls before it were queued"]

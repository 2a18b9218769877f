"""`penstock queue …` and `penstock dlq …`, over a broker in memory that outlives the commands."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from typer.testing import CliRunner, Result

from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Claimer, DeadLetter, Settlement, Verb
from penstock.cli import queues
from penstock.cli.commands import program
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError
from penstock.outcome import Failure, Outcome
from penstock.status import Phase


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> MemoryBroker:
    broker = MemoryBroker("shop")
    monkeypatch.setenv("PENSTOCK_URL", "memory://")
    monkeypatch.setattr(queues, "connect", lambda _url, _namespace: broker)
    return broker


def run(*words: str) -> Result:
    return CliRunner().invoke(program, words)


def bury(broker: MemoryBroker) -> None:
    async def act() -> None:
        await broker.send([Envelope(id="mail.1", task="shop.send", queue="mail", created_at=time.time())])
        [begun] = (await broker.claim("mail", Claimer("w", "pod-1"), 1)).begun
        failure = Failure("ValueError", "no such account")
        outcome = Outcome(
            id="mail.1", task="shop.send", phase=Phase.DEAD_LETTERED, finished_at=time.time(), failure=failure
        )
        await broker.settle(
            [Settlement(lease=begun.lease, verb=Verb.END, phase=outcome.phase, outcome=outcome, life=60.0)]
        )

    asyncio.run(act())


def shown(queue: str = "mail") -> dict[str, object]:
    return dict(json.loads(run("queue", "show", queue).output))


def test_what_a_queue_holds_is_json(broker: MemoryBroker) -> None:
    bury(broker)
    found = shown()
    assert (found["ready"], found["dead"], found["paused"], found["holding"]) == (0, 1, False, {})


def test_a_queue_is_paused_and_goes_on(broker: MemoryBroker) -> None:
    assert run("queue", "pause", "mail").exit_code == 0
    assert shown()["paused"]
    assert not shown("other")["paused"]
    assert run("queue", "resume", "mail").exit_code == 0
    assert not shown()["paused"]


def test_a_dead_letter_is_a_line_with_its_reason(broker: MemoryBroker) -> None:
    bury(broker)
    assert run("dlq", "list", "mail").output == "mail.1\tshop.send\tValueError: no such account\n"


def test_a_reason_that_has_expired_is_told(broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def old(queue: str, limit: int) -> list[DeadLetter]:
        return [DeadLetter("mail.1", 1.0, b"")]

    monkeypatch.setattr(broker, "dead_letters", old)
    assert run("dlq", "list", "mail").output == "mail.1\t\t(its reason has expired)\n"


@pytest.mark.parametrize("ids", [(), ("mail.1",)])
def test_dead_letters_are_replayed(broker: MemoryBroker, ids: tuple[str, ...]) -> None:
    bury(broker)
    assert run("dlq", "replay", "mail", *ids).output == "1 queued again\n"
    assert (shown()["ready"], shown()["dead"]) == (1, 0)


@pytest.mark.parametrize(("ids", "count"), [((), 1), (("mail.1",), 1), (("mail.2",), 0)])
def test_dead_letters_are_forgotten(broker: MemoryBroker, ids: tuple[str, ...], count: int) -> None:
    bury(broker)
    assert run("dlq", "purge", "mail", *ids).output == f"{count} forgotten\n"


def test_without_a_broker_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_URL", raising=False)
    assert isinstance(run("queue", "show", "mail").exception, ConfigurationError)
    assert "set PENSTOCK_URL" in str(run("queue", "show", "mail").exception)


def test_a_queue_that_cannot_be_is_refused(broker: MemoryBroker) -> None:
    assert isinstance(run("queue", "show", "Not A Queue").exception, ConfigurationError)

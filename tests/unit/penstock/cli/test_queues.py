"""`penstock queue …` and `penstock dlq …`, over a broker in memory that outlives the commands."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from typer.testing import CliRunner, Result

from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Claimer, DeadLetter, Limits, QueueConfig, Settlement, Verb
from penstock.cli import queue_commands, queues
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


def test_an_unknown_queue_is_told(broker: MemoryBroker) -> None:
    for words in (("queue", "show"), ("queue", "resume"), ("dlq", "list"), ("dlq", "replay"), ("dlq", "purge")):
        assert "nothing is known of queue 'nosuch' in namespace 'shop'" in str(
            run(*words, "nosuch", "-n", "shop").exception
        )


def test_an_unknown_queue_may_be_paused_before_its_first_task(broker: MemoryBroker) -> None:
    result = run("queue", "pause", "nosuch")
    assert result.exit_code == 0
    assert result.output.startswith("queue nosuch is paused, though nothing is known of it yet")
    assert shown("nosuch")["paused"]
    assert run("queue", "pause", "nosuch").output == ""


def test_a_queue_with_settings_is_known(broker: MemoryBroker) -> None:
    asyncio.run(broker.configure("mail", QueueConfig(limits=Limits(depth=7))))
    assert not shown()["paused"]


def test_a_dead_letter_is_a_line_with_its_reason(broker: MemoryBroker) -> None:
    bury(broker)
    assert run("dlq", "list", "mail").output == "mail.1\tshop.send\tValueError: no such account\n"


def test_whatever_its_reason_says_it_is_one_line(broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forged(queue: str, limit: int) -> list[DeadLetter]:
        failure = Failure("ValueError", "a\tb\nmail.2\tshop.pay\x1b[2J \udcff é")
        outcome = Outcome(id="mail.1", task="shop.send", phase=Phase.DEAD_LETTERED, finished_at=1.0, failure=failure)
        return [DeadLetter("mail.1", 1.0, b"", outcome)]

    monkeypatch.setattr(broker, "dead_letters", forged)
    output = run("dlq", "list", "mail").output
    assert output == "mail.1\tshop.send\tValueError: a\\tb\\nmail.2\\tshop.pay\\x1b[2J \\udcff é\n"


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


@pytest.mark.parametrize("ids", [(), ("mail.1",)])
def test_dead_letters_are_forgotten(broker: MemoryBroker, ids: tuple[str, ...]) -> None:
    bury(broker)
    assert run("dlq", "purge", "mail", *ids, "--yes").output == "1 forgotten\n"


@pytest.mark.parametrize(("verb", "done"), [(("replay",), "queued again"), (("purge", "--yes"), "forgotten")])
def test_what_is_no_dead_letter_is_named(broker: MemoryBroker, verb: tuple[str, ...], done: str) -> None:
    bury(broker)
    result = run("dlq", *verb, "mail", "mail.2", "mail.1", "bogus")
    said = f"1 {done}\nerror: no dead letters of queue mail: mail.2, bogus\n"
    assert (result.exit_code, result.output) == (1, said)


class TestPurging:
    def test_nobody_there_to_ask(self, broker: MemoryBroker) -> None:
        bury(broker)
        result = run("dlq", "purge", "mail")
        assert result.exit_code == 2
        assert "1 dead letter of queue mail would be forgotten" in " ".join(result.output.split())
        assert "pass --yes" in result.output
        assert shown()["dead"] == 1

    @pytest.mark.parametrize(("answer", "code", "dead"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), ("", 1, 1)])
    def test_somebody_is_asked(
        self, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, dead: int
    ) -> None:
        bury(broker)
        monkeypatch.setattr(queue_commands, "_typed", lambda: True)
        result = CliRunner().invoke(program, ["dlq", "purge", "mail"], input=answer)
        assert "Forget 1 dead letter of queue mail for good?" in result.output
        assert (result.exit_code, shown()["dead"]) == (code, dead)

    def test_nothing_to_forget_needs_no_answer(self, broker: MemoryBroker) -> None:
        run("queue", "pause", "mail")
        assert run("dlq", "purge", "mail").output == "0 forgotten\n"


@pytest.mark.parametrize("limit", ["0", "-1", "1000001", "nan", "many", "9" * 40])
def test_a_limit_has_bounds(broker: MemoryBroker, limit: str) -> None:
    assert run("dlq", "list", "mail", "--limit", limit).exit_code == 2


def test_without_a_broker_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_URL", raising=False)
    assert isinstance(run("queue", "show", "mail").exception, ConfigurationError)
    assert "set PENSTOCK_URL" in str(run("queue", "show", "mail").exception)


def test_a_queue_that_cannot_be_is_refused(broker: MemoryBroker) -> None:
    assert isinstance(run("queue", "show", "Not A Queue").exception, ConfigurationError)

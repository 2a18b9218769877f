"""The mail example against a real SMTP server on the loopback."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from mail.tasks import Letter, app, send
from tests.contract.servers import free_port

from penstock import Phase, TaskFailed
from penstock.testing import Sandbox

LETTER = Letter("ada@example.com", "Welcome", "Good to see you.")


class Sink:
    """Takes mail for everybody but nobody@example.com, as soon as it has been asked `busy` times in vain."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.busy = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.busy:
            self.busy -= 1
            return "451 try again later"
        self.letters.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    monkeypatch.setenv("SMTP_URL", f"127.0.0.1:{controller.port}")
    yield sink
    controller.stop()


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return penstock_sandbox(app)


async def test_a_letter_arrives(box: Sandbox, sink: Sink) -> None:
    handle = await send.enqueue(LETTER)
    await box.drain()
    [letter] = sink.letters
    assert (await handle.result()) in letter
    assert "Subject: Welcome" in letter
    assert "Good to see you." in letter


async def test_a_server_that_is_busy_or_away_is_tried_again(
    box: Sandbox, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.busy = 2
    handle = await send.enqueue(LETTER)
    await box.drain()
    assert (await handle.wait(), (await handle.status()).attempts) == (Phase.SUCCEEDED, 3)
    monkeypatch.setenv("SMTP_URL", f"127.0.0.1:{free_port()}")
    handle = await send.enqueue(LETTER)
    await box.drain()
    with pytest.raises(TaskFailed, match="ConnectionRefusedError"):
        await handle.result()
    assert (await handle.status()).attempts == 8


async def test_an_address_that_is_refused_is_not_tried_again(box: Sandbox, sink: Sink) -> None:
    handle = await send.enqueue(Letter("nobody@example.com", "Welcome", ""))
    await box.drain()
    with pytest.raises(TaskFailed, match=smtplib.SMTPRecipientsRefused.__name__):
        await handle.result()
    assert ((await handle.status()).phase, (await handle.status()).attempts) == (Phase.FAILED, 1)

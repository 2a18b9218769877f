from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp
import pytest

from penstock.errors import ConfigurationError
from penstock.worker import http as module
from penstock.worker.http import Answer, Server, status_of
from tests.unit.penstock.worker.test_health import free_port
from tests.waiting import wait_for


async def page() -> Answer:
    return Answer.text(HTTPStatus.OK, "wörking")


async def stuck() -> Answer:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def port() -> AsyncIterator[int]:
    number = free_port()
    server = Server(number, {"/page": page, "/stuck": stuck})
    await server.start()
    yield number
    await server.close()


async def said(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    found = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return found


async def test_a_client_reads_it(port: int) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/page?x=1") as answer:
        assert (answer.status, await answer.text(), answer.content_type) == (200, "wörking", "text/plain")
    assert await status_of("127.0.0.1", port, "/page") == 200


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /nosuch", 404),
        ("POST /page", 405),
        ("GET", 404),
        ("\x00\xff", 405),
        ("GET /page", 200),
        ("HEAD /page", 200),
    ],
)
async def test_anything_gets_an_answer(port: int, request_line: str, status: int) -> None:
    found = await said(port, request_line.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"w\xc3\xb6rking" in found) == (request_line == "GET /page")


async def test_a_head_without_end_is_refused(port: int) -> None:
    assert (await said(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)).startswith(b"HTTP/1.1 431 ")


async def test_who_says_nothing_is_left(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.05)
    assert await said(port, b"GET") == b""


async def test_closing_waits_for_nobody() -> None:
    number = free_port()
    server = Server(number, {"/stuck": stuck})
    await server.start()
    asking = asyncio.create_task(said(number, b"GET /stuck HTTP/1.1\r\n\r\n"))

    async def asked() -> bool:
        return bool(server._open)

    await wait_for(asked, "the server to see the request")
    await asyncio.wait_for(server.close(), 5)
    assert await asking == b""


async def test_a_port_that_is_taken_is_told(port: int) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"port {port} for probes: .*choose another by --port or PENSTOCK_HEAL"
    ):
        await Server(port, {}).start()

"""Kube's requests over a real connection, to an API server that has its troubles."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes_asyncio import client

from penstock import kube as module
from penstock.errors import ApiRefused, ConfigurationError, Deposed, NotConnected
from penstock.kube import Kube, Resource

THINGS = Resource("/apis/example.com/v1", "things")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers by `handler`."""

    def __init__(self) -> None:
        self.calls = 0
        self.handler: Handler = self.fine

    async def fine(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"name": "a"}})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        return await self.handler(request)

    def busy(self, times: int, status: int = 429, headers: dict[str, str] | None = None) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            if self.calls > times:
                return await self.fine(request)
            return web.json_response({"message": "too many"}, status=status, headers=headers)

        self.handler = handler


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def kube(server: Server) -> AsyncIterator[Kube]:
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        await web.SockSite(runner, bound).start()
        configuration = client.Configuration()
        configuration.host = f"http://127.0.0.1:{port}"
        kube = Kube(client.ApiClient(configuration))
        yield kube
        await kube.close()
        await runner.cleanup()


async def test_a_server_that_is_too_busy_is_asked_again_when_it_says_so(server: Server, kube: Kube) -> None:
    server.busy(2, headers={"Retry-After": "0"})
    assert await kube.get(THINGS, "shop", "a") == {"metadata": {"name": "a"}}
    assert server.calls == 3


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_without_a_time_it_is_the_callers_to_try_again(server: Server, kube: Kube, status: int) -> None:
    server.busy(1, status)
    with pytest.raises(ApiRefused) as refusal:
        await kube.get(THINGS, "shop", "a")
    assert (refusal.value.status, refusal.value.passing, server.calls) == (status, True, 1)


async def test_it_is_not_asked_for_ever(server: Server, kube: Kube) -> None:
    server.busy(1000, headers={"Retry-After": "0"})
    with pytest.raises(ApiRefused):
        await kube.get(THINGS, "shop", "a")
    assert server.calls == module.TRIES


async def test_a_guard_refuses_writes_alone(server: Server, kube: Kube) -> None:
    def guard() -> None:
        raise Deposed("no")

    kube.guard = guard
    assert await kube.get(THINGS, "shop", "a") is not None
    with pytest.raises(Deposed):
        await kube.delete(THINGS, "shop", "a")
    assert server.calls == 1


async def test_a_stream_comes_in_whole_lines_however_it_is_cut(server: Server, kube: Kube) -> None:
    long = b"x" * 300_000

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b"one\ntw", b"o\n", long[:1000], long[1000:], b"\nlast without an end"):
            await response.write(part)
        await response.write_eof()
        return response

    server.handler = stream
    lines = [line async for chunk in kube.lines("/watch", {}) for line in chunk]
    assert lines == [b"one", b"two", long]


async def test_a_server_that_is_gone_is_not_connected(kube: Kube) -> None:
    kube.host = "http://127.0.0.1:1"
    with pytest.raises(NotConnected):
        await kube.get(THINGS, "shop", "a")
    with pytest.raises(NotConnected):
        [line async for line in kube.lines("/watch", {})]


CLUSTER = """
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: me}}]
clusters: [{name: it, cluster: {server: "http://it.example:1234"}}]
users: [{name: me, user: {token: abc}}]
"""


async def test_the_kubeconfig_is_the_one_that_is_named_now(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CLUSTER)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    kube = await Kube.connect()
    assert kube.host == "http://it.example:1234"
    await kube.close()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="no cluster to talk to"):
        await Kube.connect()


async def test_who_is_deposed_while_the_server_is_busy_writes_nothing_afterwards(server: Server, kube: Kube) -> None:
    server.busy(1, headers={"Retry-After": "0"})

    def guard() -> None:
        if server.calls:
            raise Deposed("meanwhile")

    kube.guard = guard
    with pytest.raises(Deposed):
        await kube.delete(THINGS, "shop", "a")
    assert server.calls == 1


@pytest.mark.parametrize("content", ["", "[]", "{", "a: b", "clusters: 7", "current-context: none", "\x00"])
async def test_a_kubeconfig_that_is_none_is_told(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(ConfigurationError, match=r"(?s)no cluster to talk to: .*; set KUBECONFIG or run in a pod"):
        await Kube.connect()

"""Kube's own part, over the fake API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kubernetes_asyncio import client

from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest, Resource
from tests.unit.fake_kube import FakeKube

THINGS = Resource("/apis/example.com/v1", "things")
CORE = Resource("/api/v1", "secrets")


def thing(name: str, **labels: str) -> Manifest:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"size": 1}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (THINGS.path(), "/apis/example.com/v1/things"),
        (THINGS.path("shop"), "/apis/example.com/v1/namespaces/shop/things"),
        (THINGS.path("shop", "a", "status"), "/apis/example.com/v1/namespaces/shop/things/a/status"),
        (CORE.path("shop", "a"), "/api/v1/namespaces/shop/secrets/a"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


async def test_an_absent_object_is_none() -> None:
    kube = FakeKube()
    assert await kube.get(THINGS, "shop", "a") is None
    await kube.create(THINGS, "shop", thing("a"))
    found = await kube.get(THINGS, "shop", "a")
    assert found is not None
    assert found["spec"] == {"size": 1}


async def test_other_refusals_are_raised() -> None:
    kube = FakeKube()
    kube.refuse = lambda _method, _path: ApiRefused(403, "Forbidden", "no")
    with pytest.raises(ApiRefused):
        await kube.get(THINGS, "shop", "a")
    with pytest.raises(ApiRefused):
        await kube.delete(THINGS, "shop", "a")


async def test_creating_twice_is_refused() -> None:
    kube = FakeKube()
    await kube.create(THINGS, "shop", thing("a"))
    with pytest.raises(ApiRefused, match="409"):
        await kube.create(THINGS, "shop", thing("a"))


async def test_a_dry_run_leaves_nothing() -> None:
    kube = FakeKube()
    await kube.create(THINGS, "shop", thing("a"), dry_run=True)
    await kube.apply(THINGS, "shop", thing("b"), owner="test", dry_run=True)
    assert kube.stored(THINGS) == []


async def test_applying_creates_and_then_changes() -> None:
    kube = FakeKube()
    for size in (1, 2):
        await kube.apply(THINGS, "shop", {"metadata": {"name": "a"}, "spec": {"size": size}}, owner="test")
    assert [body["spec"] for body in kube.stored(THINGS)] == [{"size": 2}]


async def test_a_list_has_every_page() -> None:
    kube = FakeKube()
    for number in range(7):
        await kube.create(THINGS, f"n{number % 2}", thing(str(number), parity=str(number % 2)))
    assert [body["metadata"]["name"] async for body in kube.list(THINGS)] == list("0123456")
    assert [body["metadata"]["name"] async for body in kube.list(THINGS, "n1")] == list("135")
    assert [body["metadata"]["name"] async for body in kube.list(THINGS, labelSelector="parity=0")] == list("0246")


async def test_deleting_says_whether_it_was_there() -> None:
    kube = FakeKube()
    created = await kube.create(THINGS, "shop", thing("a"))
    assert not await kube.delete(THINGS, "shop", "a", uid="another")
    assert await kube.delete(THINGS, "shop", "a", uid=created["metadata"]["uid"])
    assert not await kube.delete(THINGS, "shop", "a")


@asynccontextmanager
async def server(answer: bytes = b'{"kind": "Thing"}') -> AsyncIterator[tuple[str, list[str]]]:
    """A server of one answer: its address, and the first line of each request."""
    asked = list[str]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", asked


@asynccontextmanager
async def connected(host: str) -> AsyncIterator[Kube]:
    kube = Kube(client.ApiClient(client.Configuration(host=host)))
    try:
        yield kube
    finally:
        await kube.close()


async def test_the_environments_proxy_is_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server() as (proxy, asked):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        async with connected("http://api.example.com") as kube:
            assert await kube.request("GET", "/version") == {"kind": "Thing"}
    assert asked == ["GET http://api.example.com/version HTTP/1.1"]


async def test_a_host_that_needs_no_proxy_is_reached_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server() as (host, asked):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with connected(host) as kube:
            assert await kube.request("GET", "/version") == {"kind": "Thing"}
    assert asked == ["GET /version HTTP/1.1"]


class NoThreads(Executor):
    def submit(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a request needs no thread")


async def test_a_request_needs_no_thread() -> None:
    async with server() as (host, _), connected(host) as kube:
        asyncio.get_running_loop()._default_executor = NoThreads()  # type: ignore[attr-defined]
        assert await kube.request("GET", "/version") == {"kind": "Thing"}

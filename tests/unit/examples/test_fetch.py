from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from fetch.tasks import Page, app, fetch_all

from penstock.broker.messages import Limits, QueueConfig
from penstock.connections import Connections
from penstock.testing import worker


class Site:
    """A web site that notes how many ask it at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.refused: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1
        if line == "/shy" and self.refused[line] < 1:
            self.refused[line] += 1  # hangs up
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()


@pytest.fixture
async def sites() -> AsyncIterator[dict[str, Site]]:
    sites: dict[str, Site] = {}
    servers = []
    for _ in range(2):
        site = Site()
        servers.append(await asyncio.start_server(site.serve, "127.0.0.1", 0))
        sites[f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"] = site
    yield sites
    for server in servers:
        server.close()


async def test_each_host_is_asked_by_few_at_a_time(monkeypatch: pytest.MonkeyPatch, sites: dict[str, Site]) -> None:
    monkeypatch.setattr(app, "connections", Connections("memory://", "test"))
    await app.broker().configure("fetch", QueueConfig(limits=Limits(concurrency_per_key=2)))
    urls = [f"{site}/{page}" for page in ["shy", *range(8)] for site in sites]
    async with worker(app):
        pages = asyncio.create_task(fetch_all(urls))
        assert await pages == [Page(url, 200, 5) for url in urls]
    assert [site.most for site in sites.values()] == [2, 2]

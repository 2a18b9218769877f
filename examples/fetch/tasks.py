"""Many pages, few at a time from each host, however many workers there are.

The limit belongs to the queue: a TaskQueue `fetch` with `concurrency: {perKey: 2}`. The key of a task is its host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httpx

from penstock import Depends, Penstock, RetryPolicy

__all__ = ["Page", "app", "fetch", "fetch_all"]


@dataclass(frozen=True)
class Page:
    """What was found at an address."""

    url: str
    status: int
    size: int  # bytes


@asynccontextmanager
async def lifespan() -> AsyncIterator[httpx.AsyncClient]:
    """One pool of connections a process."""
    async with httpx.AsyncClient(timeout=10, follow_redirects=True) as client:
        yield client


app = Penstock("fetch", lifespan=lifespan)


def client() -> httpx.AsyncClient:
    """The process's pool."""
    return cast("httpx.AsyncClient", app.state)


@app.task(retry=RetryPolicy(max_attempts=4, initial=0.5), retry_on=(httpx.TransportError,), timeout=30)
async def fetch(url: str, client: httpx.AsyncClient = Depends(client)) -> Page:
    """One page."""
    response = await client.get(url)
    return Page(url, response.status_code, len(response.content))


async def fetch_all(urls: Iterable[str]) -> list[Page]:
    """All of them, in the order of their addresses."""
    calls = (fetch.options(concurrency_key=urlsplit(url).netloc).s(url) for url in urls)
    return await app.gather(await app.enqueue_many(calls))

"""TaskBatches by the command line: without the application's code, so its functions' types are unknown here."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar

from penstock import Penstock
from penstock.batch import BatchHandle
from penstock.errors import PenstockError

__all__ = ["batch_lines", "batch_status", "on", "result_lines"]

R = TypeVar("R")


@asynccontextmanager
async def _using(namespace: str) -> AsyncGenerator[Penstock, None]:
    """The namespace's batches; its broker is PENSTOCK_URL's."""
    async with Penstock("cli", namespace=namespace or None) as app:
        yield app


async def batch_lines(namespace: str) -> list[str]:
    """All batches, a line each: name, phase, how many of how many succeeded, how many failed."""
    async with _using(namespace) as app:
        found = await (await app.connections.batches()).names()
    return [f"{name}\t{on.phase}\t{on.succeeded}/{on.total}\t{on.failed} failed" for name, on in found]


async def batch_status(name: str, namespace: str) -> str:
    """How a batch stands, as JSON."""
    async with _using(namespace) as app:
        return json.dumps(asdict(await app.batch_handle(name).status()), indent=2)


async def result_lines(name: str, namespace: str, *, failures: bool) -> AsyncGenerator[str, None]:
    """How its items have ended, a line each: index, result as JSON or the error."""
    async with _using(namespace) as app:
        async for index, result in _ended(app.batch_handle(name), failures=failures):
            said = f"error: {result}" if isinstance(result, PenstockError) else json.dumps(result, ensure_ascii=False)
            yield f"{index}\t{said}"


async def on(name: str, namespace: str, act: Callable[[BatchHandle[Any]], Awaitable[R]]) -> R:
    """Do something with a batch."""
    async with _using(namespace) as app:
        return await act(app.batch_handle(name))


async def _ended(handle: BatchHandle[object], *, failures: bool) -> AsyncGenerator[tuple[int, object], None]:
    if failures:
        async for index, error in handle.failures():
            yield index, error
        return
    async for one in handle.results():
        yield one

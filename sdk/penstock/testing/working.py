"""A worker in this process, on the app's own broker."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from penstock.app import Penstock
from penstock.serving import serving
from penstock.worker import Settings, Worker

__all__ = ["worker"]


@asynccontextmanager
async def worker(
    app: Penstock, *, concurrency: int = 16, lease_seconds: float = 15.0, drain_seconds: float = 5.0
) -> AsyncGenerator[Worker, None]:
    """A worker that runs `app`'s tasks while the block lasts."""
    settings = Settings(app.queues, concurrency, lease_seconds, drain_seconds)
    async with serving(app, settings) as running:
        yield running

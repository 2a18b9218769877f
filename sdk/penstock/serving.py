"""One worker of an app in this process: its lifespan, its connection, its extensions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from penstock.app import Penstock
from penstock.worker import Settings, Worker

__all__ = ["serving"]


@asynccontextmanager
async def serving(app: Penstock, settings: Settings) -> AsyncGenerator[Worker, None]:
    """A worker that runs `app`'s tasks while the block lasts."""
    async with app.lifespan:
        broker = app.broker()
        try:
            async with Worker(app.definitions, broker, settings, extensions=app.extensions) as worker:
                yield worker
        finally:
            await broker.close()

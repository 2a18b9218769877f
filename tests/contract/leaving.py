"""Tasks that try to keep a worker from leaving, for workers in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from penstock import Penstock

FOREVER = 120.0


@asynccontextmanager
async def lifespan() -> AsyncGenerator[None, None]:
    yield
    if os.environ.get("LIFESPAN") == "hangs":
        await asyncio.sleep(FOREVER)


app = Penstock("leaving", lifespan=lifespan)


@app.task
async def quick() -> int:
    return 1


@app.task
async def coroutine() -> None:
    await asyncio.sleep(FOREVER)


@app.task
async def swallows() -> None:
    while True:
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            continue


@app.task
async def blocks() -> None:
    time.sleep(FOREVER)  # noqa: ASYNC251 — that is the point


@app.task
def thread() -> None:
    time.sleep(FOREVER)


@app.task(run_in="process")
def process() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(FOREVER)


@app.task
def leaves_a_thread() -> None:
    threading.Thread(target=time.sleep, args=[FOREVER]).start()


@app.task
async def deafens() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

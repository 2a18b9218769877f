"""A service with one endpoint for each way to enqueue."""

from __future__ import annotations

import os

from fastapi import FastAPI

from penstock import Handle, Penstock
from penstock.fastapi import lifespan

tasks = Penstock("shop", url=os.environ.get("SHOP_REDIS", "memory://"), namespace="fastapi")
app = FastAPI(lifespan=lifespan(tasks))


@tasks.task
async def welcome(user: int) -> int:
    return user


def told(handle: Handle[int]) -> dict[str, str | int]:
    return {"task": handle.id, "process": os.getpid()}


@app.post("/async/{user}")
async def from_async_code(user: int) -> dict[str, str | int]:
    return told(await welcome.enqueue(user))


@app.post("/sync/{user}")
def from_a_thread(user: int) -> dict[str, str | int]:
    return told(welcome.delay(user))


@app.post("/blocking/{user}")
async def from_a_sync_function_inside_the_loop(user: int) -> dict[str, str | int]:
    [first, second] = tasks.enqueue_many_blocking([welcome.s(user), welcome.s(user)])
    assert first.id != second.id
    return told(welcome.enqueue_blocking(user))

"""A FastAPI service with background work that survives it: `uvicorn service.api:api`, and beside it
`penstock worker service.api:app`. Or both in one process, without Redis: PENSTOCK_URL=memory:// WORK=1.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

import penstock
from penstock import Penstock, TaskContext
from penstock.fastapi import BackgroundTasks, lifespan, router
from penstock.testing import worker

__all__ = ["Report", "Signup", "api", "app", "report", "welcome"]

app = Penstock("service")


class Greetings(dict[int, str]):
    """Stands for a database."""


greetings = Greetings()


async def database() -> AsyncIterator[Greetings]:
    """For endpoints and tasks alike."""
    yield greetings


Database = Annotated[Greetings, Depends(database)]


class Signup(BaseModel):
    """Who wants to be a user."""

    user: int
    name: str


class Report(BaseModel):
    """What a long job found."""

    rows: int


@app.task(max_attempts=5)
async def welcome(signup: Signup, database: Greetings = penstock.Depends(database)) -> None:
    """Greet a new user."""
    database[signup.user] = f"welcome, {signup.name}"


@app.task(timeout=600)
async def report(rows: int, context: TaskContext = TaskContext()) -> Report:
    """Something that takes its time and tells how far it is."""
    for row in range(rows):
        context.progress(100 * row / rows, f"row {row} of {rows}")
        await asyncio.sleep(0.05)
    return Report(rows=rows)


@asynccontextmanager
async def surroundings(api: FastAPI) -> AsyncIterator[None]:
    """The service's own part of the lifespan."""
    if os.environ.get("WORK"):
        async with worker(app):
            yield
    else:
        yield


def authorized(authorization: Annotated[str, Header()] = "") -> None:
    """Whoever has the token of API_TOKEN."""
    token = os.environ.get("API_TOKEN", "")
    if not token or not secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        raise HTTPException(401, "send Authorization: Bearer and the token")


api = FastAPI(lifespan=lifespan(app, surroundings))
api.include_router(router(app, auth=authorized, tasks=["service.report"]), prefix="/tasks")


@api.post("/users", status_code=201)
async def sign_up(signup: Signup, tasks: BackgroundTasks) -> dict[str, int]:
    """The greeting is queued before the client sees the answer."""
    tasks.add_task(welcome, signup)
    return {"user": signup.user}


@api.get("/users/{user}/greeting")
async def greeting(user: int, database: Database) -> str:
    """What the user was told."""
    if user not in database:
        raise HTTPException(404, "not yet")
    return database[user]

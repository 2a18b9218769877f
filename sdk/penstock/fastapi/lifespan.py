"""One lifespan for the API and its tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI, Request

from penstock.app import Penstock
from penstock.errors import ConfigurationError

__all__ = ["lifespan", "penstock_of"]

ApiLifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


def lifespan(
    app: Penstock, inner: ApiLifespan | None = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]:
    """For `FastAPI(lifespan=…)`: opens `app`, with the lifespan that it was given, and closes its connections.
    `inner` is the API's own lifespan, entered within."""

    @asynccontextmanager
    async def surrounding(api: FastAPI) -> AsyncGenerator[Mapping[str, Any], None]:
        async with AsyncExitStack() as stack:
            api.state.penstock = await stack.enter_async_context(app)
            state = await stack.enter_async_context(inner(api)) if inner is not None else None
            yield state or {}

    return surrounding


def penstock_of(request: Request) -> Penstock:
    """The app of the API that serves this request. Raises ConfigurationError if it has none."""
    app = getattr(request.app.state, "penstock", None)
    if app is None:
        raise ConfigurationError("this API has no Penstock app: FastAPI(lifespan=penstock.fastapi.lifespan(app))")
    return cast("Penstock", app)

"""What handles tell of tasks, on every broker."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from penstock import Penstock, Phase, ResultTimeout
from penstock.testing import worker


@pytest.fixture(params=["memory", "streams"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[Penstock]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    async with Penstock("shop", url=url, namespace=f"test-{uuid.uuid4().hex[:8]}") as app:
        yield app


@pytest.mark.parametrize("timeout", [0, 0.000_1])
async def test_a_result_that_is_there_is_given_without_waiting(app: Penstock, timeout: float) -> None:
    @app.task
    async def double(x: int) -> int:
        return 2 * x

    async with worker(app):
        handle = await double.enqueue(21)
        with pytest.raises(ResultTimeout, match="has no result after 0 s"):
            await (await double.options(delay=60).enqueue(1)).result(timeout=0)
        assert await handle.wait(10) is Phase.SUCCEEDED
        assert await handle.result(timeout=timeout) == 42
        assert await app.handle(handle.id).result(timeout=timeout) == 42

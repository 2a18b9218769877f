from __future__ import annotations

import asyncio
import gc

from penstock import Penstock


def test_loops_that_have_ended_are_collected() -> None:
    """As with `asyncio.run` around each call, and nobody who closes the app."""
    app = Penstock("shop", url="memory://")
    task = app.task(name="shop.send")(len)

    async def enqueue() -> None:
        await task.enqueue("a")

    for _ in range(20):
        asyncio.run(enqueue())
    gc.collect()
    assert len([one for one in gc.get_objects() if isinstance(one, asyncio.BaseEventLoop)]) < 10

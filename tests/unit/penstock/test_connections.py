from __future__ import annotations

import asyncio
import gc
import weakref

from penstock import Penstock


def test_loops_that_have_ended_are_collected() -> None:
    """As with `asyncio.run` around each call, and nobody who closes the app."""
    app = Penstock("shop", url="memory://")
    task = app.task(name="shop.send")(len)

    async def enqueue() -> weakref.ref[asyncio.AbstractEventLoop]:
        await task.enqueue("a")
        return weakref.ref(asyncio.get_running_loop())

    loops = [asyncio.run(enqueue()) for _ in range(20)]
    gc.collect()
    assert sum(loop() is not None for loop in loops) <= 1

"""Submits tasks from within the cluster, straight to the broker, as it is told: a JSON object a line in, one out.

{"send": [0.2, 1], "queue": "q"}    submit tasks of so many seconds     → {"at": before the first, "ids": [...]}
{"wait": [ID, ...]}                 wait for all of these to end        → {"at": [when each ended]}
{"keep": 12, "queue": "q"}          from now on have so many in flight  → {}
{"kept": "q"}                       have none any more, and wait        → {"ids": [...], "failed": [...]}
{"runs": []}                        what was noted of all executions    → {"notes": [...]}
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from penstock import PenstockError
from tests.e2e.tasks import app, clocked, runs

SHORTEST, LONGEST = 0.2, 3.0
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 180.0


@dataclass
class Stream:
    """A queue that has a number of tasks in flight all the time."""

    queue: str
    wanted: int = 0
    ended: int = 0
    ids: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    places: list[asyncio.Task[None]] = field(default_factory=list)

    def keep(self, count: int) -> None:
        """Have so many."""
        self.wanted = count
        for place in range(len(self.places), count):
            self.places.append(asyncio.create_task(self._fill(place)))

    async def end(self) -> None:
        """Have none any more; return when all have ended."""
        self.wanted = 0
        while self.ended < len(self.ids):  # noqa: ASYNC110 — as in _fill
            await asyncio.sleep(LOOK_SECONDS)
        for place in self.places:
            place.cancel()

    async def _fill(self, place: int) -> None:
        while True:
            while place >= self.wanted:  # noqa: ASYNC110 — an event for each place would be more to read
                await asyncio.sleep(LOOK_SECONDS)
            await self._one()

    async def _one(self) -> None:
        handle = await clocked.options(queue=self.queue).enqueue(random.uniform(SHORTEST, LONGEST))
        self.ids.append(handle.id)
        try:
            await handle.result(timeout=PATIENCE_SECONDS)
        except PenstockError as error:
            self.failed.append(f"{handle.id}: {error!r}")
        self.ended += 1


streams: dict[str, Stream] = {}


async def send(seconds: list[float], queue: str) -> dict[str, Any]:
    """Submit at once."""
    task = clocked.options(queue=queue)
    at = time.time()
    handles = [await task.enqueue(length) for length in seconds]
    return {"at": at, "ids": [handle.id for handle in handles]}


async def wait(ids: list[str]) -> dict[str, Any]:
    """When each has ended."""
    return {"at": await asyncio.gather(*map(_ended, ids))}


async def _ended(id: str) -> float:
    await app.handle(id).result(timeout=PATIENCE_SECONDS)
    return time.time()


async def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Do as one line says."""
    match asked:
        case {"send": seconds, "queue": queue}:
            return await send(seconds, queue)
        case {"wait": ids}:
            return await wait(ids)
        case {"keep": count, "queue": queue}:
            streams.setdefault(queue, Stream(queue)).keep(count)
            return {}
        case {"kept": queue}:
            stream = streams.pop(queue)
            await stream.end()
            return {"ids": stream.ids, "failed": stream.failed}
        case {"runs": _}:
            return {"notes": await runs()}
    raise ValueError(f"not understood: {asked}")


async def main() -> None:
    """Answer until the input ends."""
    async with app:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

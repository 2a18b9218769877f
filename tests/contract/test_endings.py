"""However a task's code ends, at whatever place: the task ends as it is documented, or runs again; its place is free,
its neighbours are unharmed, and the worker goes on."""

from __future__ import annotations

import asyncio
import collections
import uuid
from collections.abc import AsyncIterator

import pytest

from penstock import Handle, Penstock
from penstock.testing import worker
from penstock.worker import Worker
from tests.contract.ends import DEPENDENCIES, KINDS, End, Surrounding, tasks
from tests.waiting import wait_for

PATIENCE = 60.0


@pytest.fixture(params=["memory", "streams"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[Penstock]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    app = Penstock("ends", url=url, namespace=f"test-{uuid.uuid4().hex[:8]}")
    yield app
    await app.close()


class Neighbours:
    """Tasks that end beside the others, in the same batches."""

    def __init__(self, app: Penstock) -> None:
        self.runs: collections.Counter[int] = collections.Counter()

        @app.task
        async def well(number: int) -> int:
            self.runs[number] += 1
            await asyncio.sleep(0)
            return number

        self.well = well


async def ended(handle: Handle[object]) -> End:
    await handle.wait(PATIENCE)
    status = await handle.status()
    return status.phase, status.failure.type if status.failure else ""


async def vacated(worker: Worker) -> None:
    async def free() -> bool:
        return not worker.busy and not worker.slots.busy

    await wait_for(free, "all places to be free")


async def run_all(app: Penstock, wanted: dict[str, End]) -> None:
    """Run them with neighbours, and one more at the end."""
    neighbours = Neighbours(app)
    names = list(wanted)
    calls = [call for n, name in enumerate(names) for call in (app.tasks[name].s(), neighbours.well.s(n))]
    async with worker(app, concurrency=8) as running:
        handles = await app.enqueue_many(calls)
        odd, well = handles[::2], handles[1::2]
        assert dict(zip(names, await asyncio.gather(*map(ended, odd)), strict=True)) == wanted
        assert await app.gather(well, PATIENCE) == list(range(len(well)))
        assert set(neighbours.runs.values()) == {1}
        await vacated(running)
        assert await (await neighbours.well.enqueue(-1)).result(PATIENCE) == -1


@pytest.mark.parametrize("kind", KINDS)
async def test_ends_of_functions_and_what_they_depend_on(app: Penstock, kind: str) -> None:
    await run_all(app, tasks(app, kind, ["function", *DEPENDENCIES]))


@pytest.mark.parametrize("kind", KINDS)
async def test_ends_of_hooks_and_middlewares(app: Penstock, kind: str) -> None:
    Surrounding(app)
    await run_all(app, tasks(app, kind, [*Surrounding.PLACES]))

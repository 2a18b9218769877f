"""Workers under load that are cordoned and let go on, over and over: who says that it rests holds nothing and begins
nothing, and of the tasks none is lost and none runs twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from penstock import Penstock
from penstock.broker import Broker
from penstock.broker.messages import Attendance, Depth
from penstock.definition import Definition, Options
from penstock.worker import Settings, Worker
from tests.contract.messages import message
from tests.contract.restless import shout, work
from tests.waiting import wait_for

WORKERS, PROCESSES, ROUNDS = 3, 2, 9
LONG = 60.0


class Crew:
    """Workers of several processes each, and what they have begun."""

    def __init__(self, url: str, folder: Path) -> None:
        self.app = Penstock("restless", url=url, namespace=f"test-{uuid.uuid4().hex[:8]}")
        self.work = self.app.task(work.definition.function)
        self.shout = self.app.task(broadcast=True)(shout.definition.function)
        self.broker = self.app.broker()
        self._journal = folder / "journal"
        self._journal.touch()
        self.processes = {f"worker-{number}": self._start(f"worker-{number}") for number in range(WORKERS)}

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "PENSTOCK_URL": self.app.url,
            "PENSTOCK_NAMESPACE": self.app.namespace,
            "RESTLESS_JOURNAL": str(self._journal),
            "PYTHONPATH": ":".join([".", *sys.path]),
        }
        command = [sys.executable, "-m", "penstock.cli", "worker", "tests.contract.restless:app", "--name", name]
        options = ("--processes", str(PROCESSES), "--concurrency", "4", "--log-level", "WARNING")
        return subprocess.Popen([*command, *options], env=environment)

    def begun(self) -> list[tuple[int, str]]:
        """Process and number of every start so far."""
        lines = self._journal.read_text().splitlines()
        return [(int(pid), number) for pid, _, number in (line.partition(" ") for line in lines)]

    async def depth(self) -> Depth:
        return (await self.broker.depth(["restless"]))["restless"]

    async def present(self, name: str) -> list[Attendance]:
        return [one for one in (await self.depth()).workers if one.worker == name]

    async def all_present(self) -> None:
        async def there() -> bool:
            return len((await self.depth()).workers) == WORKERS * PROCESSES

        await wait_for(there, "all processes to attend")

    async def rest(self, name: str) -> list[Attendance]:
        """Cordon a worker; its processes, once all of them rest."""
        await self.broker.cordon("restless", [name], LONG)

        async def resting() -> bool:
            found = await self.present(name)
            return len(found) == PROCESSES and all(one.resting for one in found)

        await wait_for(resting, f"{name} to rest", patience=15)
        return await self.present(name)

    async def works_again(self, own: set[int]) -> None:
        since = len(self.begun())

        async def works() -> bool:
            return bool(own & {pid for pid, _ in self.begun()[since:]})

        await wait_for(works, "it to work again")

    async def close(self) -> None:
        for process in self.processes.values():
            process.terminate()  # it ends the others of its worker
        for process in self.processes.values():
            process.wait(20)
        await self.broker.close()
        await self.app.close()


def pids(attendances: list[Attendance]) -> set[int]:
    return {int(one.consumer.rsplit("-", 2)[1]) for one in attendances}


@pytest.fixture
async def crew(redis_url: str, tmp_path: Path) -> AsyncIterator[Crew]:
    crew = Crew(redis_url, tmp_path)
    try:
        await crew.all_present()
        yield crew
    finally:
        await crew.close()


class Load:
    """A steady one, of tasks from none to some time long."""

    def __init__(self, crew: Crew, random: Random) -> None:
        self.sent = 0
        self._crew = crew
        self._random = random
        self._ended = False
        self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while not self._ended:
            calls = [self._crew.work.s(self.sent + n, self._seconds()) for n in range(self._random.randint(1, 6))]
            self.sent += len(calls)
            await self._crew.app.enqueue_many(calls)
            await asyncio.sleep(self._random.uniform(0, 0.03))

    def _seconds(self) -> float:
        return self._random.choice((0.0, 0.0, 0.01, 0.2))

    async def more(self, count: int = 60) -> None:
        """Return when so many more have begun, anywhere."""
        enough = len(self._crew.begun()) + count

        async def reached() -> bool:
            return len(self._crew.begun()) >= enough

        await wait_for(reached, f"{count} more tasks to begin")

    async def end(self) -> None:
        """Send no more: not by a cancellation, which may come in the middle of a send."""
        self._ended = True
        await self._task

        async def drained() -> bool:
            return (await self._crew.depth()).backlog == 0

        await wait_for(drained, "the queue to be empty")


async def test_who_rests_holds_and_begins_nothing_while_others_work_on(crew: Crew) -> None:
    random = Random(7)
    load = Load(crew, random)
    await load.more()
    for number in range(ROUNDS):
        name = f"worker-{number % WORKERS}"
        resting = await crew.rest(name)
        before = len(crew.begun())
        assert not {one.consumer for one in resting} & (await crew.depth()).consumers
        await load.more()
        assert all(one.resting for one in await crew.present(name))
        assert not {one.consumer for one in resting} & (await crew.depth()).consumers
        assert not pids(resting) & {pid for pid, _ in crew.begun()[before:]}
        await crew.broker.cordon("restless", [name], 0)
        await crew.works_again(pids(resting))
    await load.end()
    starts = Counter(number for _, number in crew.begun())
    assert set(starts) == {str(number) for number in range(load.sent)}
    assert set(starts.values()) == {1}


async def test_one_that_rests_is_told_of_broadcasts_and_drains(crew: Crew) -> None:
    load = Load(crew, Random(8))
    await load.more()
    resting = await crew.rest("worker-0")
    await crew.shout.enqueue(1)

    async def heard() -> bool:
        return len([pid for pid, number in crew.begun() if number == "all-1"]) == WORKERS * PROCESSES

    await wait_for(heard, "the broadcast")
    before = len(crew.begun())
    crew.processes["worker-0"].send_signal(signal.SIGTERM)
    assert crew.processes["worker-0"].wait(20) == 0
    assert await crew.present("worker-0") == []
    assert not pids(resting) & {pid for pid, _ in crew.begun()[before:]}
    await load.end()
    starts = Counter(number for _, number in crew.begun() if not number.startswith("all-"))
    assert set(starts.values()) == {1}
    assert len(starts) == load.sent


async def test_a_worker_that_comes_while_it_is_cordoned_begins_nothing(crew: Crew) -> None:
    await crew.broker.cordon("restless", ["worker-9"], LONG)
    crew.processes["worker-9"] = crew._start("worker-9")
    load = Load(crew, Random(9))

    async def rests() -> bool:
        found = await crew.present("worker-9")
        return len(found) == PROCESSES and all(one.resting for one in found)

    await wait_for(rests, "the newcomer to rest")
    await load.more()
    assert not pids(await crew.present("worker-9")) & {pid for pid, _ in crew.begun()}
    await load.end()


# --- one worker, on every broker ------------------------------------------------------------------------------------


async def test_a_worker_rests_when_its_tasks_have_ended_and_goes_on_when_it_may(broker: Broker) -> None:
    begun: list[str] = []
    end = asyncio.Event()

    async def send() -> None:
        begun.append("it")
        await end.wait()

    tasks = {"shop.send": Definition("shop.send", send, Options("mail"))}
    async with Worker(tasks, broker, Settings(["mail", "other"], 4, name="pod-1")):

        async def rests() -> bool:
            return any(one.resting for one in (await broker.depth(["mail"]))["mail"].workers)

        async def started(count: int) -> None:
            async def enough() -> bool:
                return len(begun) == count

            await wait_for(enough, f"{count} tasks to start", patience=10)

        await broker.send([message("1"), message("2")])
        await started(2)
        assert await broker.cordon("mail", ["pod-1"], LONG) == {"pod-1"}
        assert not await rests()
        end.set()
        await wait_for(rests, "the worker to rest", patience=10)
        await broker.send([message("3")])
        sent_at = asyncio.get_running_loop().time()

        async def said_again() -> bool:
            [one] = (await broker.depth(["mail"]))["mail"].workers
            return one.resting and one.seen < 0.5 < asyncio.get_running_loop().time() - sent_at

        await wait_for(said_again, "it to say so again", patience=10)
        depth = (await broker.depth(["mail"]))["mail"]
        assert (len(begun), depth.ready, depth.in_flight) == (2, 1, 0)
        await broker.cordon("mail", ["pod-1"], 0)
        await started(3)
    assert (await broker.depth(["mail"]))["mail"].workers == ()


async def test_a_cordon_ends_by_itself(broker: Broker) -> None:
    begun = asyncio.Event()

    async def send() -> None:
        begun.set()

    await broker.cordon("mail", ["pod-1"], 1.0)
    await broker.send([message("1")])
    tasks = {"shop.send": Definition("shop.send", send, Options("mail"))}
    async with Worker(tasks, broker, Settings(["mail"], 4, name="pod-1")):
        await asyncio.wait_for(begun.wait(), 10)

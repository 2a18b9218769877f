"""Where the time of a task goes: what each call costs Redis, and what each part of the worker takes.

    make costs          →  two tables, µs of CPU a no-op, in batches of 50 as a worker with 100 places has them

Redis' main thread is measured by the kernel's own count (schedstat, ns) and by Redis' (commandstats); the worker is
sampled every millisecond of its CPU time, and a sample counts for the innermost function of Penstock's, so that
libraries count for who calls them.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from benchmarks.peers.server import Server, serve
from benchmarks.peers.table import aligned

import penstock
from penstock import Penstock
from penstock.broker import Broker, connect
from penstock.broker.messages import Begun, Claimer, Settlement, Verb
from penstock.connections import Connections
from penstock.envelope import Envelope
from penstock.keys import task_id
from penstock.outcome import Outcome
from penstock.process import collect_seldom, run
from penstock.status import Phase
from penstock.worker import Settings, Worker

NAMESPACE = QUEUE = "costs"
PLACES, BATCH = 100, 50
SAMPLE_SECONDS = 0.001
LOOK_SECONDS = 0.01
HOME = str(Path(penstock.__file__).parent)
ME = Claimer("costs", "costs")

app = Penstock(QUEUE, namespace=NAMESPACE)


@app.task
async def noop() -> int:
    """Nothing."""
    return 1


# --- Redis --------------------------------------------------------------------------------------------------------


class Meter:
    """Redis' own costs of what happens inside a block."""

    def __init__(self, server: Server, tasks: int) -> None:
        self._server = server
        self._tasks = tasks
        self.rows: list[tuple[str, str, str, str]] = [("call", "CPU", "in the function", "commands in it")]

    @contextmanager
    def of(self, call: str) -> Iterator[None]:
        """µs a task."""
        self._server.client.config_resetstat()
        before = self._cpu()
        yield
        cpu, stats = self._cpu() - before, self._server.client.info("commandstats")
        within = {name.removeprefix("cmdstat_"): found["usec"] / self._tasks for name, found in stats.items()}
        function = within.pop("fcall", 0.0)
        inner = ", ".join(f"{name} {us:.2f}" for name, us in sorted(within.items(), key=lambda f: -f[1]) if us >= 0.05)
        self.rows.append((call, f"{cpu / self._tasks:.1f}", f"{function:.1f}", inner))

    def _cpu(self) -> float:
        """µs that the main thread has run."""
        return int(Path(f"/proc/{self._server.pid}/schedstat").read_text().split()[0]) / 1000


async def redis_costs(server: Server, tasks: int) -> Sequence[tuple[str, ...]]:
    """Send, claim and settle, one after another: nothing else happens meanwhile."""
    broker, meter = connect(server.url, NAMESPACE), Meter(server, tasks)
    await broker.claim(QUEUE, ME, 1)  # makes the groups
    messages = [_message(number) for number in range(tasks)]
    with meter.of("send"):
        for first in range(0, tasks, 500):
            await broker.send(messages[first : first + 500])
    with meter.of("claim"):
        claims = [(await broker.claim(QUEUE, ME, BATCH)).begun for _ in range(tasks // BATCH)]
    with meter.of("settle"):
        for begun in claims:
            await broker.settle([_ended(one) for one in begun])
    await broker.close()
    return meter.rows


def _message(number: int) -> Envelope:
    return Envelope(id=task_id(QUEUE, f"{number:024x}"), task="costs.noop", queue=QUEUE, created_at=time.time())


def _ended(begun: Begun) -> Settlement:
    outcome = Outcome(id=begun.lease.id, task="costs.noop", phase=Phase.SUCCEEDED, finished_at=1.0, result=b"1")
    return Settlement(lease=begun.lease, verb=Verb.END, phase=Phase.SUCCEEDED, outcome=outcome, life=60.0)


# --- the worker ---------------------------------------------------------------------------------------------------


class Sampler:
    """Which function of Penstock's this process is in, every so often of its CPU time."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """While the block lasts."""
        before = signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _take(self, _: int, frame: FrameType | None) -> None:
        while frame is not None and not frame.f_code.co_filename.startswith(HOME):
            frame = frame.f_back
        where = "the event loop" if frame is None else Path(frame.f_code.co_filename).relative_to(HOME).as_posix()
        self.found[where] += 1


async def worker_costs(url: str, tasks: int) -> Sequence[tuple[str, ...]]:
    """Work off no-ops in this process."""
    app.connections, broker, sampler = Connections(url, NAMESPACE), connect(url, NAMESPACE), Sampler()
    await app.enqueue_many(noop.s() for _ in range(tasks))
    before = time.process_time()
    with sampler.sampling():
        async with Worker(app.definitions, broker, Settings([QUEUE], PLACES)):
            while await _left(broker):  # noqa: ASYNC110 — nobody tells of an empty queue
                await asyncio.sleep(LOOK_SECONDS)
    each = (time.process_time() - before) / tasks * 1e6 / sampler.found.total()
    await broker.close()
    await app.close()
    rows = [(where, f"{count * each:.2f}") for where, count in sampler.found.most_common() if count * each >= 0.05]
    return [("in", "CPU"), *rows, ("all", f"{sampler.found.total() * each:.2f}")]


async def _left(broker: Broker) -> bool:
    depth = (await broker.depth([QUEUE]))[QUEUE]
    return bool(depth.ready or depth.in_flight)


def main() -> int:
    """Both tables."""
    parser = argparse.ArgumentParser("python -m benchmarks.costs", description="µs of CPU that a no-op takes")
    parser.add_argument("--tasks", type=int, default=100_000)
    tasks: int = parser.parse_args().tasks
    collect_seldom()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server:
        print("Redis, µs a task\n" + aligned(run(redis_costs(server, tasks)), left=1))
        server.client.flushall()
        print("the worker, µs a task\n" + aligned(run(worker_costs(server.url, tasks)), left=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

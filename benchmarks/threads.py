"""What a plain function's way to a thread and back costs, beside the bare one that asyncio offers.

make threads        →  no-ops/s and µs a task: a bare hop, Penstock's tasks on the event loop, and those in threads

The bare hop is `wrap_future(ThreadPoolExecutor.submit(…))` in as many coroutines as the worker has places. Penstock's
hop is what its plain tasks take beyond its async ones: one worker in this process, its default concurrency, a Redis
that syncs its log every second.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.kept import keep
from benchmarks.peers.server import Server, serve
from benchmarks.peers.table import aligned

from penstock import Penstock, Task
from penstock.broker import Broker, connect
from penstock.connections import Connections
from penstock.process import collect_seldom, run
from penstock.worker import Settings, Worker

NAMESPACE = QUEUE = "threads"
PLACES = Settings([QUEUE]).concurrency
LOOK_SECONDS = 0.005
OUT = Path("build/bench/threads.json")

app = Penstock(QUEUE, namespace=NAMESPACE)


@app.task
async def on_the_loop(number: int, name: str, urgent: bool) -> int:
    """Nothing."""
    return 1


@app.task
def in_a_thread(number: int, name: str, urgent: bool) -> int:
    """Nothing."""
    return 1


async def bare(tasks: int) -> float:
    """Seconds of so many hops."""
    call = partial(in_a_thread.definition.function, 42, name="Ada Lovelace", urgent=True)
    with ThreadPoolExecutor(PLACES) as pool:

        async def place(calls: int) -> None:
            for _ in range(calls):
                await asyncio.wrap_future(pool.submit(copy_context().run, call))

        began = time.perf_counter()
        await asyncio.gather(*(place(tasks // PLACES) for _ in range(PLACES)))
        return time.perf_counter() - began


async def drained(url: str, task: Task[..., int], tasks: int) -> float:
    """Seconds of one worker's drain."""
    app.connections, broker = Connections(url, NAMESPACE), connect(url, NAMESPACE)
    await app.enqueue_many(task.s(42, name="Ada Lovelace", urgent=True) for _ in range(tasks))
    began = time.perf_counter()
    async with Worker(app.definitions, broker, Settings([QUEUE])):
        while await _left(broker):  # noqa: ASYNC110 — nobody tells of an empty queue
            await asyncio.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - began
    await broker.close()
    await app.close()
    return seconds


async def _left(broker: Broker) -> bool:
    depth = (await broker.depth([QUEUE]))[QUEUE]
    return bool(depth.ready or depth.in_flight)


def measured(server: Server, tasks: int, turns: int) -> dict[str, float]:
    """µs of a task; medians of several rounds, in which each has its turn."""
    ways: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
        "bare hop": partial(bare, tasks),
        "async task": partial(drained, server.url, on_the_loop, tasks),
        "plain task": partial(drained, server.url, in_a_thread, tasks),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            server.client.flushall()
            found[name].append(run(way()) / tasks * 1e6)
    each = {name: statistics.median(times) for name, times in found.items()}
    return each | {"Penstock's hop": each["plain task"] - each["async task"]}


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser("python -m benchmarks.threads", description="what a hop to a thread costs")
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    collect_seldom()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server:
        found = measured(server, options.tasks, options.turns)
    rows = [(name, f"{each:.1f}", f"{1e6 / each:,.0f}") for name, each in found.items()]
    print(aligned([("", "µs", "a second"), *rows]))
    print("written:", keep(OUT, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long flows take, with one worker process of 100 places on a Redis that syncs its log every second.

make flows       →  10,000 calls and their sum, known beforehand (map) or found out on the way (each); a chain's step
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.kept import keep
from benchmarks.peers.record import Machine
from benchmarks.peers.server import serve

from penstock import Flow, Penstock, each
from penstock.process import run
from penstock.worker import Settings, Worker

ROUNDS = 5
MEMBERS = 10_000
STEPS = 100
OUT = Path("build/bench/flows.json")

app = Penstock("flows", url="redis://localhost", namespace="flows")


@app.task
async def same(number: int) -> int:
    """The cheapest step."""
    return number


@app.task
async def upto(count: int) -> list[int]:
    """What is fanned out."""
    return list(range(count))


@app.task
async def total(numbers: list[int]) -> int:
    """What is fanned in."""
    return sum(numbers)


async def seconds(flow: Flow[int], expected: int) -> float:
    """From the call of `enqueue` to its result."""
    began = time.perf_counter()
    result = await (await flow.enqueue()).result(timeout=60)
    assert result == expected, f"{result} instead of {expected}"
    return time.perf_counter() - began


@asynccontextmanager
async def working(shop: Penstock) -> AsyncIterator[None]:
    """A worker in this process, as `penstock worker --concurrency 100`."""
    broker = shop.broker()
    async with shop, Worker(app.definitions, broker, Settings(["flows"], 100)):
        yield
    await broker.close()


async def measured(url: str) -> dict[str, float]:
    """Seconds; medians."""
    app.connections = Penstock("flows", url=url, namespace="flows").connections
    expected = MEMBERS * (MEMBERS - 1) // 2
    chain: Flow[Any] = same.s(1)
    for _ in range(STEPS - 1):
        chain = chain | same
    async with working(app):
        maps = [await seconds(same.map(range(MEMBERS)) | total, expected) for _ in range(ROUNDS)]
        fans = [await seconds(upto.s(MEMBERS) | each(same) | total, expected) for _ in range(ROUNDS)]
        chains = [await seconds(chain, 1) for _ in range(ROUNDS)]
    return {
        f"map of {MEMBERS:,}": statistics.median(maps),
        f"each of {MEMBERS:,}": statistics.median(fans),
        "a step of a chain": statistics.median(chains) / STEPS,
    }


def main() -> None:
    """Measure, keep and tell."""
    with tempfile.TemporaryDirectory(prefix="penstock-flows-") as folder, serve(Path(folder)) as server:
        found = run(measured(server.url))
    keep(OUT, {"machine": asdict(Machine.here()), "seconds": found}, indent=2)
    for name, took in found.items():
        print(f"{name:20}{took * 1000:10.2f} ms")


if __name__ == "__main__":
    main()

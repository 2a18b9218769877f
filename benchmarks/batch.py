"""How fast a batch goes: one worker process of 100 places on a Redis that syncs its log every second, no cluster.

make batch-bench  →  100,000 no-ops streamed by the SDK, then run; without a limit, and 1,000 at a time
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.kept import keep
from benchmarks.peers.record import Machine
from benchmarks.peers.server import serve

from penstock import Penstock
from penstock.batch_stream import Stream, chunked
from penstock.broker import Broker
from penstock.broker.batch import SUCCEEDED
from penstock.keys import batch_id
from penstock.kube import Manifest
from penstock.process import run

ITEMS = 100_000
PARALLELISM = 1_000
BAR = 5_000  # items a second, for one worker process
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 120.0
NAMESPACE = "batch"
OUT = Path("build/bench/batch.json")

app = Penstock("bench", url="redis://localhost", namespace=NAMESPACE)


@app.task
async def noop(number: int) -> None:
    """The cheapest item."""


@contextmanager
def worker(url: str) -> Iterator[None]:
    """`penstock worker --concurrency 100`, a process of its own."""
    options = ["worker", "benchmarks.batch:app", "--concurrency", "100", "--log-level", "WARNING"]
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", _WORKER, url, *options], env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


# The app's URL is known only now.
_WORKER = """
import sys
from benchmarks import batch
from penstock.cli import main
batch.use(sys.argv[1])
sys.argv[1:2] = []
main()
"""


def use(url: str) -> None:
    """Let the app talk to this Redis."""
    app.connections = Penstock("bench", url=url, namespace=NAMESPACE).connections


def manifest(name: str, **spec: object) -> Manifest:
    """A TaskBatch as the API server would have stored it."""
    return {"metadata": {"name": name, "uid": name}, "spec": {"task": noop.name, **spec}}


async def streamed(broker: Broker, batch: Manifest) -> float:
    """Items a second, from the calls to the broker."""
    began = time.perf_counter()
    chunks = chunked(noop.s(number) for number in range(ITEMS))
    first = await anext(chunks)
    sent = await Stream(broker, app.connections.tasks, batch, first[0], None).run(first, chunks)
    assert sent == ITEMS, f"{sent} sent"
    return ITEMS / (time.perf_counter() - began)


async def drained(broker: Broker, name: str) -> float:
    """Items a second, from a worker's first end to the last."""
    batch = batch_id(app.name, name)
    done, first, began = 0, 0, 0.0
    until = time.perf_counter() + PATIENCE_SECONDS
    while done < ITEMS:
        assert time.perf_counter() < until, f"{done:,} of {ITEMS:,} have ended after {PATIENCE_SECONDS:g} s"
        await asyncio.sleep(LOOK_SECONDS)
        known = await broker.look(batch)
        assert known is not None, "the batch is gone"
        done = known.items.count(SUCCEEDED)
        if not first and done:
            first, began = done, time.perf_counter()
    return (ITEMS - first) / (time.perf_counter() - began)


async def measured(url: str) -> dict[str, float]:
    """Items a second."""
    use(url)
    found: dict[str, float] = {}
    async with app:
        broker = app.connections.client().broker
        for name, spec in (("unlimited", {}), ("parallelism", {"parallelism": PARALLELISM})):
            found[f"{name}: streamed"] = await streamed(broker, manifest(name, **spec))
            with worker(url):
                found[f"{name}: run"] = await drained(broker, name)
    return found


def main() -> None:
    """Measure, keep and tell."""
    with tempfile.TemporaryDirectory(prefix="penstock-batch-") as folder, serve(Path(folder)) as server:
        found = run(measured(server.url))
    keep(OUT, {"machine": asdict(Machine.here()), "items a second": found}, indent=2)
    for name, rate in found.items():
        print(f"{name:24}{rate:10,.0f} items/s")
    slow = [name for name, rate in found.items() if rate < BAR]
    sys.exit(f"below the bar of {BAR:,} items/s: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    main()

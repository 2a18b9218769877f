"""What Penstock costs a service: one `await task.enqueue(…)` beyond the bare round trip to Redis, and its import.

make overhead       →  medians of both and their difference, in turns on one Redis; of imports in fresh processes
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers.record import Machine
from benchmarks.peers.server import serve

from penstock import Penstock
from penstock.broker.streams.connection import Connection
from penstock.process import run

TURNS = 200
CALLS = 50  # a turn
OUT = Path("build/bench/overhead.json")
BAR = 100.0  # µs
IMPORTS = 11
IMPORT_BAR = 200.0  # ms
IMPORT = "import time; began = time.perf_counter(); import penstock; print((time.perf_counter() - began) * 1000)"

app = Penstock("overhead", namespace="overhead")


@app.task
async def welcome(user: int, locale: str = "en") -> str:
    """Something with arguments to be checked and encoded."""
    return f"{user} {locale}"


async def measured(url: str) -> dict[str, float]:
    """µs of a round trip that does nothing, and of an enqueue; medians."""
    bare = Connection(url)
    shop = Penstock("overhead", url=url, namespace="overhead")
    task = shop.task(name="overhead.welcome")(welcome.definition.function)
    trips: list[float] = []
    enqueues: list[float] = []
    async with shop:
        for _ in range(TURNS):
            trips += await _timed(lambda: bare.command("PING"))
            enqueues += await _timed(lambda: task.enqueue(42, locale="de"))
    await bare.close()
    trip, enqueue = statistics.median(trips), statistics.median(enqueues)
    return {"round trip": trip, "enqueue": enqueue, "overhead": enqueue - trip}


async def _timed(call: Callable[[], Awaitable[object]]) -> list[float]:
    """µs of each, one after another."""
    found: list[float] = []
    for _ in range(CALLS):
        began = time.perf_counter_ns()
        await call()
        found.append((time.perf_counter_ns() - began) / 1000)
    return found


def imported() -> float:
    """Milliseconds of `import penstock` in a fresh process; median."""
    commands = [subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True) for _ in range(IMPORTS)]
    return statistics.median(float(command.stdout) for command in commands)


def main() -> None:
    """Measure, keep and tell."""
    loading = imported()
    with tempfile.TemporaryDirectory(prefix="penstock-overhead-") as folder, serve(Path(folder)) as server:
        found = run(measured(server.url))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(
        json.dumps({"machine": asdict(Machine.here()), "µs": found, "bar": BAR, "import ms": loading}, indent=2)
    )
    for name, us in found.items():
        print(f"{name:12}{us:8.1f} µs")
    verdict = "met" if found["overhead"] <= BAR else "missed"
    print(f"{verdict}: overhead of a single enqueue ≤ {BAR:g} µs at the median ({TURNS * CALLS:,} calls)")
    print(f"import {loading:13.1f} ms")
    print(f"{'met' if loading <= IMPORT_BAR else 'missed'}: import penstock ≤ {IMPORT_BAR:g} ms at the median")


if __name__ == "__main__":
    main()

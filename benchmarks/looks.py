"""What a look at many queues costs: what the operator reads once a second to decide how many workers there are to be.

make looks          →  ms for 1,000 queues on one connection, idle and busy, and how much of it is Redis' own time
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.clocks import clocks
from benchmarks.kept import keep
from benchmarks.peers.record import Machine
from benchmarks.peers.server import Server, serve

from penstock.broker import Broker, connect
from penstock.broker.messages import Claimer, Limits, QueueConfig
from penstock.envelope import Envelope
from penstock.keys import task_id
from penstock.process import run

OUT = Path("build/bench/looks.json")
QUEUES = 1000
TASKS = 5  # of a busy queue; one of them runs
WORKERS = 4
PAYLOAD = b"[[" + b"1" * 1000 + b"],{}]"
TURNS = 15
BAR = 300.0  # ms
NAMES = [f"q{number}" for number in range(QUEUES)]


@dataclass(frozen=True, slots=True)
class Look:
    """Medians, ms: from the call to the last queue's Depth; CPU of Redis' main thread and of this process in that."""

    ms: float
    redis_ms: float
    own_ms: float


async def measured(server: Server) -> dict[str, Look]:
    """A look at queues that nobody has used, at busy ones, and at as many namespaces' with a call for each."""
    broker = connect(server.url, "looks")
    found = {"unused": await _looks(server, lambda: broker.depth(NAMES))}
    await asyncio.gather(*(filled(broker, queue) for queue in NAMES))
    found["busy"] = await _looks(server, lambda: broker.depth(NAMES, horizon=dict.fromkeys(NAMES, 5.0)))
    others = [broker.within(f"n{number}") for number in range(QUEUES)]
    await asyncio.gather(*(filled(other, "mail") for other in others))
    found["namespaces"] = await _looks(server, lambda: asyncio.gather(*(other.depth(["mail"]) for other in others)))
    await broker.close()
    return found


async def filled(broker: Broker, queue: str) -> None:
    """A queue with limits, a few tasks of which one runs, and workers that attend."""
    await broker.configure(queue, QueueConfig(limits=Limits(rate=100, burst=10, concurrency=50)))
    ids = (task_id(queue, str(number)) for number in range(TASKS))
    await broker.send([Envelope(id=id, task="looks.noop", queue=queue, created_at=1.0, payload=PAYLOAD) for id in ids])
    await broker.claim(queue, Claimer("c0", "w0"), 1)
    for number in range(WORKERS):
        await broker.attend(queue, Claimer(f"c{number}", f"w{number}"), 1)


async def _looks(server: Server, look: Callable[[], Awaitable[object]]) -> Look:
    await look()  # makes the connection, and loads the library
    turns = []
    for _ in range(TURNS):
        before = clocks(server.pid)
        await look()
        turns.append([after - start for start, after in zip(before, clocks(server.pid), strict=True)])
    return Look(*map(statistics.median, zip(*turns, strict=True)))


def main() -> int:
    """Measure, keep and tell. Fails where a look takes too long."""
    with tempfile.TemporaryDirectory(prefix="penstock-looks-") as folder, serve(Path(folder)) as server:
        found = run(measured(server))
    looks = {name: asdict(look) for name, look in found.items()}
    keep(OUT, {"machine": asdict(Machine.here()), "queues": QUEUES, "bar ms": BAR, "looks": looks}, indent=2)
    for name, look in found.items():
        print(f"{name:12}{look.ms:8.1f} ms; CPU: Redis {look.redis_ms:.1f} ms, this process {look.own_ms:.1f} ms")
    met = max(look.ms for look in found.values()) <= BAR
    print(f"{'met' if met else 'missed'}: a look at {QUEUES:,} queues ≤ {BAR:g} ms at the median ({TURNS} turns)")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""Workers killed at random moments, and what became of their tasks: 200 × kill -9 during 50,000 tasks.

    make faults          →  build/bench/faults.json and a table; fails if a task was lost or settled twice

Every start of a task is noted in a journal by the worker that runs it, every outcome is seen by keyspace notification
on the Redis of the run's own. A task may be started again only if the attempt before was under way in a worker that was
killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import redis

from penstock import Penstock
from penstock.process import run, stop_asked
from penstock.worker import Settings, Worker

OUT = Path("build/bench/faults.json")
NAMESPACE = "faults"
LEASE_SECONDS = 3.0
CONCURRENCY = 20
WORKERS = 4
TASK_SECONDS = (0.0, 0.04)  # uniform
LOOK_SECONDS = (0.02, 0.2)  # between two looks at how far it is, and two kills; uniform
LAST_KILL = 0.9  # of the tasks
PATIENCE_SECONDS = 600.0

app = Penstock("faults", namespace=NAMESPACE)


@app.task
async def work(number: int) -> int:
    """Note the start, take a moment."""
    os.write(_journal(), f"{number} {os.getpid()}\n".encode())
    await asyncio.sleep(random.uniform(*TASK_SECONDS))
    return number


@cache
def _journal() -> int:
    """Appended to by all workers; a line is one write, so none is torn, and a killed process loses none."""
    return os.open(os.environ["FAULTS_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


async def serve() -> None:
    """One worker, until SIGTERM."""
    stop, broker = stop_asked(), app.broker()
    try:
        async with Worker(app.definitions, broker, Settings(app.queues, CONCURRENCY, LEASE_SECONDS)):
            await stop.wait()
    finally:
        await broker.close()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the run came to. Numbers of tasks, but for `seconds` and `kills`."""

    tasks: int
    kills: int
    seconds: float
    lost: int
    settled_twice: int
    dead_lettered: int
    started_again: int
    started_again_without_a_kill: int

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.settled_twice or self.started_again_without_a_kill)


class Outcomes:
    """How often each task's outcome was written, as Redis itself tells."""

    def __init__(self, port: int) -> None:
        self.written: Counter[str] = Counter()
        client = redis.Redis(port=port)
        client.config_set("notify-keyspace-events", "K$")
        client.config_set("client-output-buffer-limit", "pubsub 0 0 0")
        self._subscription = client.pubsub(ignore_subscribe_messages=True)
        self._subscription.psubscribe(f"__keyspace@0__:penstock:{{{NAMESPACE}/*:task:*")

    def read(self, seconds: float) -> None:
        """Take in what was told meanwhile, for at most `seconds`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            message = self._subscription.get_message(timeout=left)
            if message and message["data"] == b"set":
                self.written[message["channel"].decode().rpartition(":")[2]] += 1


class Crew:
    """The workers: always as many, whoever dies."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._processes: list[subprocess.Popen[bytes]] = []
        self.killed: set[int] = set()

    def fill(self) -> None:
        """Start what is missing."""
        while len(self._processes) < WORKERS:
            command = [sys.executable, "-m", "benchmarks.faults", "serve"]
            self._processes.append(subprocess.Popen(command, env=self._environment))

    def kill_one(self) -> None:
        """kill -9, no matter what it is doing."""
        victim = self._processes.pop(random.randrange(len(self._processes)))
        victim.kill()
        victim.wait()
        self.killed.add(victim.pid)

    def dismiss(self) -> None:
        """End them all."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(30)


async def submit(count: int) -> list[str]:
    """Queue the tasks; their ids by number."""
    async with app:
        return [handle.id for handle in await app.enqueue_many(work.s(number) for number in range(count))]


def hunt(crew: Crew, outcomes: Outcomes, tasks: int, kills: int) -> None:
    """Kill at random moments of the work, however fast that goes, then wait for the last outcome."""
    moments = deque(sorted(random.uniform(0, LAST_KILL * tasks) for _ in range(kills)))
    until = time.monotonic() + PATIENCE_SECONDS
    while len(outcomes.written) < tasks and time.monotonic() < until:
        crew.fill()
        outcomes.read(random.uniform(*LOOK_SECONDS))
        if moments and len(outcomes.written) >= moments[0]:
            moments.popleft()
            crew.kill_one()
    outcomes.read(1.0)


def findings(ids: list[str], crew: Crew, outcomes: Outcomes, journal: Path, seconds: float, dead: int) -> Findings:
    """Compare what was asked for with what was seen."""
    starts: defaultdict[int, list[int]] = defaultdict(list)
    for line in journal.read_text().splitlines():
        number, pid = map(int, line.split())
        starts[number].append(pid)
    written = [outcomes.written[id.partition(".")[2]] for id in ids]
    again = [pids for pids in starts.values() if len(pids) > 1]
    unprovoked = [pids for pids in again if not set(pids[:-1]) <= crew.killed]
    lost, twice = written.count(0), sum(times > 1 for times in written)
    return Findings(len(ids), len(crew.killed), seconds, lost, twice, dead, len(again), len(unprovoked))


def measure(tasks: int, kills: int) -> Findings:
    """One run on a Redis of its own."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-faults-"))
    server, port = _redis(folder)
    os.environ |= {"PENSTOCK_URL": f"redis://127.0.0.1:{port}/0", "FAULTS_JOURNAL": str(folder / "journal")}
    crew = Crew(dict(os.environ))
    try:
        outcomes = Outcomes(port)
        ids = asyncio.run(submit(tasks))
        began = time.monotonic()
        hunt(crew, outcomes, tasks, kills)
        seconds = time.monotonic() - began
        dead = int(redis.Redis(port=port).zcard(f"penstock:{{{NAMESPACE}/{app.name}}}:dead"))
        return findings(ids, crew, outcomes, folder / "journal", seconds, dead)
    finally:
        crew.dismiss()
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def _redis(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *durable]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.05)
    server.terminate()
    raise RuntimeError("redis-server didn't start")


def main() -> int:
    """Exit code 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["measure", "serve"], default="measure")
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    if asked.what == "serve":
        run(serve())
        return 0
    random.seed(asked.seed)
    found = measure(asked.tasks, asked.kills)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"seed": asked.seed, **asdict(found), "sound": found.sound}, indent=2) + "\n")
    for name, value in {"seed": asked.seed, **asdict(found), "sound": found.sound}.items():
        print(f"{name.replace('_', ' '):32} {value}")
    return 0 if found.sound else 1


if __name__ == "__main__":
    sys.exit(main())

"""Everything that one measurement runs on: a server, the process that submits, worker processes, their probes."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import adapter, probe, procfs
from benchmarks.peers.environment import Environment
from benchmarks.peers.process import Failed, Process, wait_until
from benchmarks.peers.server import Server, serve
from benchmarks.peers.systems import System

__all__ = ["Producer", "Stage", "Workers", "stage"]

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 90.0  # for the first worker process to start a task
NEXT_SECONDS = 5.0  # for each further one
ANSWER_SECONDS = 180.0


@dataclass(frozen=True)
class Producer:
    """The process that submits."""

    process: Process

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """See `producer.Producer`. Raises Failed."""
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next one. Raises Failed."""
        line = self.process.line(ANSWER_SECONDS)
        if not line:
            raise Failed(f"the producer ended\n{self.process.tail()}")
        answer: dict[str, Any] = json.loads(line)
        if error := answer.get("error"):
            raise Failed(f"the producer failed: {error}\n{self.process.tail()}")
        return answer


@dataclass(frozen=True)
class Workers:
    """Worker processes, each of them with whatever its system starts below it."""

    processes: tuple[Process, ...]

    def check(self) -> None:
        """Raises Failed if one has ended."""
        for process in self.processes:
            process.check()

    def cpu_seconds(self) -> float:
        """What all have spent so far."""
        return procfs.cpu_seconds(self._pids())

    def rss_mb(self) -> float:
        """What all hold, MB."""
        return procfs.rss_mb(self._pids())

    def _pids(self) -> list[int]:
        return procfs.tree(process.pid for process in self.processes)


@dataclass(frozen=True)
class Stage:
    """Where one measurement of one system takes place. `watch` looks at its workers' probes."""

    system: System
    server: Server
    watch: probe.Watch
    folder: Path
    variables: dict[str, str]
    concurrency: int

    @contextmanager
    def producer(self) -> Iterator[Producer]:
        """The process that submits, while the block lasts; it ends in good order, so that it may flush."""
        words = ["python", "-m", "benchmarks.peers.producer", self.system.name]
        with self._process(words, "producer", talks=True) as process:
            producer = Producer(process)
            producer.answer()
            yield producer

    @contextmanager
    def workers(self, processes: int) -> Iterator[Workers]:
        """So many, while the block lasts."""
        words = self.system.command(self.concurrency, processes)
        with ExitStack() as stack:
            count = 1 if self.system.forks else processes
            started = [stack.enter_context(self._process(words, f"worker-{number}")) for number in range(count)]
            yield Workers(tuple(started))

    def gather(self, workers: Workers, processes: int) -> int:
        """Wait until each process holds its first task, or none more comes; how many do. Raises Failed."""

        def at_least(count: int) -> bool:
            workers.check()
            return self.watch.arrived() >= count

        wait_until(lambda: at_least(1), START_SECONDS, f"{self.system.name}'s worker starts a task")
        for count in range(2, processes + 1):
            try:
                wait_until(lambda count=count: at_least(count), NEXT_SECONDS, "the next one")  # type: ignore[misc]
            except Failed:
                workers.check()
                break
        return self.watch.arrived()

    def _process(self, words: list[str], name: str, *, talks: bool = False) -> Process:
        program = self.variables["PATH"].partition(":")[0] + "/" + words[0]
        return Process([program, *words[1:]], self.variables, self.folder / f"{name}.log", talks=talks)


@contextmanager
def stage(
    system: System, environment: Environment, concurrency: int, extra: dict[str, str] | None = None
) -> Iterator[Stage]:
    """A stage with a server of its own; `extra` variables go to the worker and to who submits."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder, probes = Path(name), Path(name, "probes")
        probes.mkdir()
        with serve(folder) as server:
            variables = _variables(environment) | {
                adapter.REDIS: server.url,
                adapter.CONCURRENCY: str(concurrency),
                probe.DIRECTORY: str(probes),
            }
            variables |= system.environment(server.url) | (extra or {})
            yield Stage(system, server, probe.Watch(probes), folder, variables, concurrency)


def _variables(environment: Environment) -> dict[str, str]:
    """This process's own, without what would configure a system from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PENSTOCK_", "PYTHON"))}
    return kept | {"PATH": f"{environment.scripts}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT)}

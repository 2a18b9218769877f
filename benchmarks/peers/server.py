"""A Redis of our own: on a free loopback port, with an append-only file in a temporary folder, empty at its start."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from benchmarks.peers import procfs
from benchmarks.peers.process import Process, wait_until
from benchmarks.peers.systems import System

__all__ = ["Server", "serve"]

START_SECONDS = 10.0
SCAN = 2_000  # keys a round trip
SETTINGS = "--bind 127.0.0.1 --appendonly yes --appendfsync everysec --save"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    pid: int
    client: redis.Redis

    @property
    def url(self) -> str:
        """For the systems."""
        return f"redis://127.0.0.1:{self.port}/0"

    def version(self) -> str:
        """The server's."""
        return str(self.client.info("server")["redis_version"])

    def memory(self) -> int:
        """What it uses, bytes."""
        return int(self.client.info("memory")["used_memory"])

    def rewrites(self) -> bool:
        """Whether it writes its log anew, as it does each time that it has doubled."""
        found = self.client.info("persistence")
        return bool(found["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"])

    def cpu_seconds(self) -> float:
        """What it has spent so far."""
        return procfs.cpu_seconds([self.pid])

    def backlog(self, system: System) -> int:
        """How many tasks aren't acknowledged; of delivered ones for systems whose stream keeps all entries."""
        answer = self.client.execute_command(*system.backlog.split())
        return int(answer["pending"] if isinstance(answer, dict) else answer)

    def results(self, system: System) -> int:
        """How many results are stored."""
        keys = list(self.client.scan_iter(match=system.results, count=SCAN))
        if not system.ended:
            return len(keys)
        return sum(system.ended in value for value in self._values(keys))

    def _values(self, keys: list[bytes]) -> Iterator[bytes]:
        """What strings and hashes hold."""
        for first in range(0, len(keys), SCAN):
            some = keys[first : first + SCAN]
            with self.client.pipeline(transaction=False) as pipe:
                for key in some:
                    pipe.type(key)
                kinds = pipe.execute()
                for key, kind in zip(some, kinds, strict=True):
                    _ = pipe.hvals(key) if kind == b"hash" else pipe.get(key)
                yield from (b" ".join(v) if isinstance(v, list) else v or b"" for v in pipe.execute())


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """A server while the block lasts."""
    port = _free_port()
    words = ["redis-server", "--port", str(port), "--dir", str(folder), *SETTINGS.split(), ""]
    with Process(words, os.environ, folder / "redis.log") as process, redis.Redis(port=port) as client:
        wait_until(lambda: _answers(client, process), START_SECONDS, "redis-server starts")
        yield Server(port, process.pid, client)


def _answers(client: redis.Redis, process: Process) -> bool:
    process.check()
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

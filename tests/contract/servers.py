"""Real Redis servers on free ports of the loopback, each in a folder of its own; always stopped."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.waiting import wait_sync

__all__ = ["REPLICATION", "Server", "free_port", "running", "use_test_library"]

# What stands in for Penstock's library where only the connection is tested.
LIBRARY = """#!lua name=penstock_test
redis.register_function{function_name = 'test_add', callback = function(keys, args)
  return redis.call('SADD', keys[1], args[1])
end, flags = {'allow-oom'}}
redis.register_function{function_name = 'test_add_unless_full', callback = function(keys, args)
  return redis.call('SADD', keys[1], args[1])
end}
redis.register_function{function_name = 'test_announce', callback = function(keys, args)
  return redis.call('PUBLISH', keys[1], args[1])
end}
redis.register_function{function_name = 'test_for_ever', callback = function() while true do end end}
"""


def use_test_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections call and load the functions above."""
    monkeypatch.setattr("penstock.broker.streams.node.library_source", lambda: LIBRARY)
    monkeypatch.setattr("penstock.broker.streams.connection.fcall", lambda f, k, a: ("FCALL", f, len(k), *k, *a))


# What a replica needs to give up on a stalled synchronisation within a test's patience, instead of within a minute.
REPLICATION = ("--repl-diskless-sync-delay", "0", "--repl-timeout", "8", "--repl-ping-replica-period", "1")
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody has, and that wasn't given before: servers listen only some time after they got theirs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    if port in _given:
        return free_port()
    _given.add(port)
    return port


class Server:
    """One redis-server. It can be killed, held up and started again on the same port."""

    def __init__(self, folder: Path, *options: str, sentinel: str = "", password: str | None = None) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server isn't on PATH: install it (Debian: apt-get install redis-server)"
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.folder = folder
        # A client for the test's own use.
        self.admin = Redis(port=self.port, password=password, socket_timeout=10, retry=Retry(NoBackoff(), 0))
        self._command = [program, *self._files(sentinel), *self._basics(), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def _files(self, sentinel: str) -> list[str]:
        if not sentinel:
            return []
        settings = self.folder / "sentinel.conf"  # sentinels write into it
        settings.write_text(sentinel)
        return [str(settings), "--sentinel"]

    def _basics(self) -> list[str]:
        return ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"redis://{self.where}/0"

    def start(self, *options: str) -> None:
        """Start it and return when it listens. These options hold until it is started again."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*self._command, *options], stdout=log)
        wait_sync(self._listens, "redis-server to listen")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"redis-server has ended: {(self.folder / 'log').read_text()}"
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def ready(self) -> None:
        """Return when it has loaded its data."""
        wait_sync(self._answers, "redis-server to answer")

    def _answers(self) -> bool:
        """It, and not another that has taken its port."""
        try:
            known = self.admin.info("server")["process_id"]
        except RedisError:
            return False
        return self._process is not None and known == self._process.pid

    def kill(self) -> None:
        """kill -9, without a word to its clients."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def hold(self) -> None:
        """Let it stand still: its kernel goes on taking connections and bytes, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Start them, and stop whatever of them runs in the end."""
    try:
        for server in servers:
            server.start()
            server.ready()
        yield
    finally:
        for server in servers:
            server.kill()
            server.admin.close()

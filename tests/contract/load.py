"""A steady load of tasks for a working shop, and what Redis itself and the log say of it afterwards."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from pathlib import Path

import pytest

from penstock import Handle
from tests.contract.servers import Server
from tests.contract.shop import Shop, results

__all__ = ["DURABLE", "Load", "break_off", "settlements", "warned"]

# What is acknowledged is on the disk: it must survive kill -9.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
_RECORD = re.compile(rb"\r\nSET\r\n\$\d+\r\npenstock:\{[^}]+\}:task:([^\r]+)\r\n")
_BEGIN, _COMMIT = b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n"


class Load:
    """Tasks, one after another, until told to stop. `handles` are those that Redis has acknowledged."""

    def __init__(self, shop: Shop) -> None:
        self.handles: list[Handle[int]] = []
        self._shop = shop
        self._ended = False
        self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while not self._ended:
            self.handles.append(await self._shop.sent(len(self.handles)))

    async def more(self, count: int = 50) -> None:
        """Return when so many more have been run."""
        await self._shop.started(len(self._shop.runs) + count)

    async def stop(self) -> None:
        """Send no more."""
        self._ended = True
        await self._task

    async def end(self) -> None:
        """Send no more, and see that each has succeeded and that the queue is drained."""
        await self.stop()
        assert await results(self.handles) == list(range(len(self.handles)))
        await self._shop.drained()

    async def end_well(self, server: Server) -> None:
        """The same, and that each was settled once, and that the queue holds nothing else."""
        await self.end()
        depth = await self._shop.app.queue().depth()
        assert (depth.ready, depth.in_flight, depth.delayed, depth.dead) == (0, 0, 0, 0)
        settled = settlements(server)
        assert {handle.id.partition(".")[2] for handle in self.handles} <= settled.keys()
        twice = [unique for unique, times in settled.items() if times > 1]
        assert not twice, f"settled twice; what Redis wrote of the first: {_history(server, twice[0])}"


def settlements(server: Server) -> Counter[str]:
    """How often each task's outcome was written, as the log of a DURABLE Redis tells: nothing interrupts that one."""
    return Counter(unique.decode() for log in _logs(server) for unique in _RECORD.findall(_committed(log)))


def _committed(log: bytes) -> bytes:
    """What a log says has happened. A Redis that is killed while it writes leaves a step without an end. Started again,
    it cuts off the broken command, doesn't do the step, and yet leaves the whole commands before it in the log."""
    before, *steps = log.split(_BEGIN)
    return before + b"".join(step for step in steps if _COMMIT in step)


def break_off(server: Server) -> None:
    """Leave the log of a killed Redis as if it had been killed while it wrote the last settlement once more."""
    [path] = _paths(server)
    log = path.read_bytes()
    *_, last = _RECORD.finditer(log)
    cut = log.index(b"\r\n*", last.end()) + 4  # within the command after the outcome's
    path.write_bytes(log + log[log.rindex(_BEGIN, 0, last.start()) : cut])


def _logs(server: Server) -> list[bytes]:
    return [path.read_bytes() for path in _paths(server)]


def _paths(server: Server) -> list[Path]:
    return list((server.folder / "appendonlydir").glob("*.incr.aof"))


def _history(server: Server, unique: str) -> list[str]:
    """The commands of the log that name a task, and where they are."""
    found = []
    for log in _logs(server):
        for match in re.finditer(unique.encode(), log):
            begins = log.rfind(b"\r\n*", 0, match.start())
            found.append(f"{match.start()}: {log[begins : match.end() + 200]!r}")
    return found


def warned(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    """Whether a warning of ours has said so."""
    told = [record for record in caplog.records if record.name.startswith("penstock")]
    return any(record.levelno == logging.WARNING and words in record.getMessage() for record in told)

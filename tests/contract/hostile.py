"""Tasks that harm the process in which they run, for workers in processes of their own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from typing import Any

from penstock import Depends, Handle, Penstock

app = Penstock("hostile")
if os.environ.get("SOCKETS") == "impatient":
    socket.setdefaulttimeout(0.5)  # as some modules do when they are imported


@app.task
async def quick(value: int) -> int:
    return value


@app.task(run_in="process")
def apart(value: str) -> str:
    return value


# --- cancel themselves ------------------------------------------------------------------------------------------------


def _own() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


@app.task(max_attempts=1)
async def cancels_itself() -> int:
    _own().cancel()
    return 1


@app.task(max_attempts=1)
async def cancels_itself_later() -> int:
    asyncio.get_running_loop().call_soon(_own().cancel)
    return 1


async def _cancelling() -> AsyncGenerator[int, None]:
    yield 1
    _own().cancel()


@app.task(max_attempts=1)
async def cancels_itself_when_cleaning_up(value: int = Depends(_cancelling)) -> int:
    return value


# --- fork -------------------------------------------------------------------------------------------------------------


def _fork(way: str) -> str:
    if os.fork() == 0:
        if way == "raises":
            raise ValueError("in the child")
        if way == "exits":
            sys.exit(0)
        return "child"
    return "parent"


@app.task(max_attempts=1)
async def forks(way: str) -> str:
    return _fork(way)


@app.task(max_attempts=1)
async def forks_and_awaits() -> str:
    found = _fork("awaits")
    await asyncio.sleep(0.01)
    return found


@app.task(max_attempts=1)
def forks_in_a_thread(way: str) -> str:
    return _fork(way)


@app.task(max_attempts=1, run_in="process")
def forks_apart(way: str) -> str:
    return _fork(way)


# --- raise what can't be shown, close what others use -----------------------------------------------------------------


class Cause(Exception):
    @property
    def __cause__(self) -> None:  # type: ignore[override]  # that is what is odd about it
        raise SystemExit


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__qualname__":
            raise KeyboardInterrupt
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=Meta):
    pass


@app.task(max_attempts=1)
async def raises(what: str) -> None:
    raise {"Cause": Cause, "Nameless": Nameless}[what]


@app.task(max_attempts=1)
async def closes_its_streams() -> int:
    sys.stdout.close()
    sys.stderr.close()
    return 1


@app.task(max_attempts=1)
async def fails() -> None:
    raise ValueError("no such user")


@app.task(max_attempts=1)
async def stops_the_loop() -> int:
    asyncio.get_running_loop().stop()
    return 1


# --- have children at once --------------------------------------------------------------------------------------------


@app.task(max_attempts=1)
async def leaf(number: int) -> int:
    return number


@app.task(max_attempts=1)
async def parent(depth: int) -> int:
    child, value = (parent, depth - 1) if depth else (leaf, 1)
    handles: list[Handle[int]] = [await child.options(child=True).enqueue(value) for _ in range(2)]
    return sum([await handle.result(timeout=20) for handle in handles])

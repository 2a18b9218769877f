"""The process that submits, in the environment of its system: `python -m benchmarks.peers.producer SYSTEM`.

Reads commands as JSON, a line each, and answers each with a line. Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, TextIO

from benchmarks.peers.adapter import Adapter
from benchmarks.peers.percentiles import percentile

__all__ = ["Producer"]

Answer = dict[str, Any]
RESULT_PATIENCE = 30.0  # seconds


class Producer:
    """What can be asked for. Each answer is JSON."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    async def enqueue(self, function: str, count: int) -> Answer:
        """Queue in bulk. Seconds."""
        began = time.perf_counter()
        await self.adapter.enqueue(function, count)
        return {"seconds": time.perf_counter() - began}

    async def one_by_one(self, function: str, count: int, at_once: int) -> Answer:
        """Queue by single calls, so many at a time: a trace each. Seconds."""
        began = time.perf_counter()
        for first in range(0, count, at_once):
            batch = range(first, min(first + at_once, count))
            await asyncio.gather(*(self.adapter.send(function) for _ in batch))
        return {"seconds": time.perf_counter() - began}

    async def open_loop(self, rate: float, seconds: float, warm_up: bool) -> Answer:
        """Queue `stamp` at fixed times, `rate` a second, whatever became of the earlier ones.

        Tells how far behind their times calls were (p99, ms), and what all took (seconds).
        """
        late: list[float] = []

        async def send(due: int) -> None:
            now = time.monotonic_ns()
            late.append((now - due) / 1e6)
            await self.adapter.send("stamp", 0 if warm_up else now)

        began = time.monotonic_ns()
        calls = []
        for number in range(round(rate * seconds)):
            due = began + round(number / rate * 1e9)
            await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            calls.append(asyncio.create_task(send(due)))
        await asyncio.gather(*calls)
        return {"sent": len(calls), "late_p99_ms": percentile(late, 99), "seconds": (time.monotonic_ns() - began) / 1e9}

    async def closed_loop(self, count: int) -> Answer:
        """Call `noop` and await its result, one after another. ms each."""
        found = []
        for _ in range(count):
            began = time.perf_counter()
            handle = await self.adapter.send("noop")
            value = await asyncio.wait_for(self.adapter.result(handle), RESULT_PATIENCE)
            found.append((time.perf_counter() - began) * 1000)
            if value != 1:
                raise ValueError(f"noop returned {value!r}, not 1")
        return {"ms": found}


async def _serve(system: str, answers: TextIO) -> None:
    module = importlib.import_module(f"benchmarks.peers.apps.{system}")
    async with module.connect() as adapter:
        producer = Producer(adapter)
        _tell(answers, {"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            _tell(answers, await _answer(producer, json.loads(line)))


async def _answer(producer: Producer, command: dict[str, Any]) -> Answer:
    action: Callable[..., Coroutine[Any, Any, Answer]] = getattr(producer, command.pop("do"))
    try:
        return await action(**command)
    except Exception as error:  # told to the other side, which gives up this measurement
        return {"error": f"{type(error).__name__}: {error}"}


def _tell(answers: TextIO, answer: Answer) -> None:
    print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Serve until the standard input ends. Whatever a system prints goes to stderr, apart from the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = _serve(sys.argv[1], answers)
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()

"""Processes for CPU-bound tasks: ours, one child a task, because one killed child breaks a whole ProcessPoolExecutor.

Children are spawned, never forked (this process has threads and an event loop), kept warm and used again. A task that
is cancelled or runs out of time ends with its child: SIGTERM, on which its `finally` blocks run, and SIGKILL two
seconds later for one that ignores it or hangs in C code. What a child has started itself isn't ended with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import msgspec

from penstock.worker.child import Answer, Call, Died, Progress, decode, serve

__all__ = ["Processes"]

GRACE_SECONDS = 2.0
Tell = Callable[[float | None, str], None]


class Processes:
    """At most `limit` children. A thread waits for each busy one, so that neither size nor time blocks the loop."""

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        self._threads = ThreadPoolExecutor(limit, thread_name_prefix="penstock-child")
        self._idle: list[_Child] = []
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self, call: Call, tell: Tell) -> Answer:
        """Run one attempt; `tell` takes its progress. If this is cancelled, so is the attempt."""
        await self._places.acquire()
        child = self._idle.pop() if self._idle else _Child()
        asked = self._threads.submit(child.ask, call, tell)
        try:
            answer = await asyncio.wrap_future(asked)
        except BaseException:
            self._see_off(child, asked)  # its place is free when it is gone
            raise
        self._places.release()
        if not isinstance(answer, Died):
            self._idle.append(child)
        return answer

    def _see_off(self, child: _Child, asked: Future[Answer]) -> None:
        task = asyncio.create_task(self._end(child, asked), name="penstock-child-end")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _end(self, child: _Child, asked: Future[Answer]) -> None:
        await asyncio.to_thread(child.end)
        self._places.release()

    async def close(self) -> None:
        """End all children."""
        if self._idle:
            await asyncio.gather(*(asyncio.to_thread(child.end) for child in self._idle))
            self._idle.clear()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=2 * GRACE_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Child:
    """One process and our end of its pipe. Started by the first call, for that takes a moment."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._ended = False
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def ask(self, call: Call, tell: Tell) -> Answer:
        """Send the call and wait for the answer. For a thread."""
        pipe = self._started()
        if pipe is None:
            return Died(0)
        try:
            pipe.send_bytes(msgspec.msgpack.encode(call))
            while isinstance(said := decode(pipe.recv_bytes()), Progress):
                tell(said.percent, said.message)
            return said
        except (EOFError, OSError):
            return Died(self._exitcode())

    def _started(self) -> Connection | None:
        """Our end, unless it was ended before it began."""
        with self._starting:
            if self._process is None and not self._ended:
                context = get_context("spawn")
                self._pipe, theirs = context.Pipe()
                # A daemon, so that this interpreter's exit ends it, even where nobody closed us.
                self._process = context.Process(target=serve, args=(theirs,), daemon=True)
                self._process.start()
                theirs.close()
            return self._pipe

    def _exitcode(self) -> int:
        if self._process is None:
            return 0
        self._process.join(GRACE_SECONDS)
        return self._process.exitcode or 0

    def end(self) -> None:
        """End the process, by force if need be. For a thread."""
        with self._starting:
            self._ended = True
        if self._process is not None:
            self._process.terminate()
            self._process.join(GRACE_SECONDS)
            self._process.kill()
            self._process.join(GRACE_SECONDS)
        if self._pipe is not None:
            self._pipe.close()

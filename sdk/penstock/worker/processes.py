"""Processes for CPU-bound tasks: ours, one child a task, because one killed child breaks a whole ProcessPoolExecutor.

Children are spawned, never forked (this process has threads and an event loop), kept warm and used again. A task that
is cancelled or runs out of time ends with its child: SIGTERM raises an exception in it, so that its `finally` blocks
run, and two seconds later SIGKILL ends what is left.

What can't be stopped gently: C code that holds on to the main thread or the GIL, because Python's signal handlers run
between two bytecodes of the main thread; a task that swallows the exception. SIGKILL ends them, without `finally`. When
this process dies at once, a child whose C code holds the GIL learns of it only when that returns. Processes that a task
has started end with its child, unless they have left its process group.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess

from penstock import progress
from penstock.worker.child import HEAD, Answer, Call, Died, Error, Progress, Value, decode, frame, serve
from penstock.worker.databases import preparation

__all__ = ["GRACE_SECONDS", "Processes", "Tell"]

log = logging.getLogger("penstock.worker")
GRACE_SECONDS = 2.0  # between SIGTERM and SIGKILL
KILLED_SECONDS = 5.0  # for the kernel to end what was killed
LAST_WORDS_SECONDS = 1.0
Tell = Callable[[progress.Progress], None]


class Processes:
    """At most `limit` children, of one event loop. They start when they are needed."""

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)  # a place is free again when its child waits for calls, or is gone
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()
        self._closed = False

    async def run(self, call: Call, tell: Tell) -> Answer:
        """Run one attempt; `tell` takes its progress.

        If this is cancelled, so is the attempt, and CancelledError comes when its child is gone, for then nothing of it
        runs any more: in general at once, at the latest after GRACE_SECONDS and a moment. A second cancellation doesn't
        wait. Raises OSError where no process can be started.
        """
        async with self._child() as child:
            return await child.ask(call, tell)

    async def close(self) -> None:
        """End all children, within GRACE_SECONDS and a moment. What still runs is answered with Died: cancel it
        before."""
        self._closed = True
        await asyncio.gather(*(child.end() for child in self._children))

    @asynccontextmanager
    async def _child(self) -> AsyncGenerator[_Child]:
        await self._places.acquire()
        try:
            if self._closed:
                raise RuntimeError("the worker's processes are closed")
            child = self._warm() or await self._start()
        except BaseException:
            self._places.release()
            raise
        try:
            yield child
        finally:
            if child.idle and not self._closed:
                self._idle.append(child)
                self._places.release()
            else:
                ending = child.end()
                ending.add_done_callback(lambda _: self._places.release())
                await asyncio.shield(ending)

    def _warm(self) -> _Child | None:
        while self._idle:
            child = self._idle.pop()
            if child.process.is_alive():  # the kernel may have needed its memory; asked anew, for news come late
                return child
        return None

    async def _start(self) -> _Child:
        child = await _Child.start()
        self._children.add(child)
        child.gone.add_done_callback(lambda _: self._children.discard(child))
        return child


@dataclass(eq=False, slots=True)
class _Child:
    """One process and our end of its socket. `gone` has its exit code."""

    process: SpawnProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    idle: bool = True
    _ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls) -> _Child:
        """A new one, which begins to listen in a moment."""
        ours, theirs = socket.socketpair()
        theirs.settimeout(None)  # socket.setdefaulttimeout(…) counts for it, too; a child may wait for long
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            try:
                # A daemon, so that this interpreter's exit ends it, even where nobody closed us.
                args = (theirs, logging.getLogger().level, preparation())
                process = get_context("spawn").Process(target=serve, args=args, name="penstock-child", daemon=True)
                process.start()  # a few milliseconds, for the interpreter starts beside us
            except BaseException:
                writer.close()
                raise
        child = cls(process, reader, writer)
        end = _end_of(process)
        asyncio.get_running_loop().add_reader(end, child._ended, end)
        return child

    async def ask(self, call: Call, tell: Tell) -> Answer:
        """Send a call and wait for its answer."""
        self.idle = False
        try:
            self.writer.write(frame(call))
            await self.writer.drain()
            while isinstance(said := await self._said(), Progress):
                if said.id == call.id:  # and not from a thread that an earlier task has left behind
                    tell(progress.Progress(said.percent, said.message, said.data))
        except (EOFError, ConnectionError):
            await asyncio.shield(self.end())
            return Died(self.gone.result() if self.gone.done() else -signal.SIGKILL)
        self.idle = True
        return said

    async def _said(self) -> Value | Error | Progress:
        head = await self.reader.readexactly(HEAD)
        return decode(await self.reader.readexactly(int.from_bytes(head)))

    def end(self) -> asyncio.Task[None]:
        """End the process, by force if need be. Done when it is gone."""
        self.idle = False
        self._ending = self._ending or asyncio.create_task(self._end(), name="penstock child's end")
        return self._ending

    async def _end(self) -> None:
        try:
            self.process.terminate()
            await asyncio.wait([self.gone], timeout=GRACE_SECONDS)
        finally:
            if not self.gone.done():
                log.warning("process %s didn't end %g s after SIGTERM: killed", self.process.pid, GRACE_SECONDS)
                self.process.kill()
        await asyncio.wait([self.gone], timeout=KILLED_SECONDS)
        if not self.gone.done():
            log.error("process %s can't be killed", self.process.pid)
        self.writer.close()

    def _ended(self, end: int) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(end)
        os.close(end)
        _kill_group(self.process)  # before its id is free for others
        self.process.join()
        self.gone.set_result(self.process.exitcode or 0)
        if self.idle:
            self.writer.close()
        else:  # what it has said before comes first; and a process that left the group may hold the socket open
            loop.call_later(LAST_WORDS_SECONDS, self.writer.transport.abort)


def _end_of(process: SpawnProcess) -> int:
    """A file descriptor that is readable when the process has ended."""
    if sys.platform == "linux" and process.pid:
        with suppress(OSError):  # before Linux 5.3
            return os.pidfd_open(process.pid)
    return os.dup(process.sentinel)  # a process that the child forked keeps it open


def _kill_group(process: SpawnProcess) -> None:
    """Kill what the child has started and left behind."""
    if process.pid:  # 0 would be our own group
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)

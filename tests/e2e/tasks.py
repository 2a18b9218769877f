"""The tasks that the end-to-end tests run. Mounted into the worker image by `source.configMap`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from functools import cache
from uuid import uuid4

import redis.asyncio as redis

from penstock import Penstock, Retry, TaskContext

app = Penstock("e2e")
NOTES = f"penstock:{{{os.environ.get('PENSTOCK_NAMESPACE')}/e2e}}:notes"
RUNS = NOTES.replace("notes", "runs")
NOTES_SECONDS = 3600
PATIENCE_SECONDS = 60


@app.task
async def noop() -> None:
    return None


@app.task
async def add(a: int, b: int) -> int:
    return a + b


@app.task
async def upto(count: int) -> list[int]:
    return list(range(count))


@app.task
async def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(max_attempts=1)
async def parent(seconds: float) -> list[int]:
    """Waits for children of its own."""
    return await app.gather([await slow.options(child=True).enqueue(seconds) for _ in range(3)])


@app.task
async def resumed(context: TaskContext = TaskContext()) -> str:
    """Stops once, and goes on where it was."""
    if context.saved is None:
        await context.checkpoint("half way")
        raise Retry(delay=0.1)
    return f"{context.saved}, attempt {context.attempt}"


@app.task
async def echo(value: object) -> object:
    return value


@app.task(max_attempts=1)
def broken(message: str) -> None:
    raise ValueError(message)


@app.task(max_attempts=2)
async def always_fails() -> None:
    raise Retry(delay=0.1, reason="never works")


@app.task(max_attempts=5)
async def flaky(failures: int, context: TaskContext = TaskContext()) -> int:
    if context.attempt <= failures:
        raise Retry(delay=0.1)
    return context.attempt


@app.task
async def slow(seconds: float, context: TaskContext = TaskContext()) -> int:
    """Async, with progress; returns the attempt."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        context.progress(100 * passed / seconds, f"{passed:.0f} of {seconds:g} s")
        await asyncio.sleep(0.05)
    return context.attempt


@app.task
def slow_sync(seconds: float, context: TaskContext = TaskContext()) -> int:
    """The same in a thread; asks whether it should stop."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not context.cancelled:
        time.sleep(0.05)
    return context.attempt


@app.task
async def stubborn(seconds: float, context: TaskContext = TaskContext()) -> dict[str, float]:
    """Cancelled, it takes so long to end, and notes when it has. Its next run, which doesn't wait, tells that moment
    and when it began itself."""
    began, client, key = time.time(), _redis(), NOTES.replace("notes", "stubborn")
    if (before := await client.get(key)) is not None:
        return {"before": float(before), "began": began}
    try:
        await asyncio.sleep(PATIENCE_SECONDS)
    finally:
        await asyncio.sleep(seconds)
        await client.set(key, time.time(), ex=NOTES_SECONDS)
    raise AssertionError("nobody cancelled it")


@app.task
async def whoami(seconds: float) -> int:
    """The worker process that ran it."""
    await asyncio.sleep(seconds)
    return os.getpid()


@app.task
async def noted(seconds: float = 0, context: TaskContext = TaskContext()) -> str:
    """Notes in Redis that it runs, and returns the note: an outcome must be that of an execution that there was."""
    note = f"{context.id} {uuid4().hex}"
    await _note(note)
    await asyncio.sleep(seconds)
    return note


@app.task
async def clocked(seconds: float = 0, context: TaskContext = TaskContext()) -> float:
    """Notes when it begins and, unless it is cut, when it ends. Returns when it began."""
    run = {"key": uuid4().hex, "id": context.id, "attempt": context.attempt, "pod": os.environ["POD_NAME"]}
    began = time.time()
    await _note(json.dumps({**run, "event": "began", "at": began}), RUNS)
    await asyncio.sleep(seconds)
    await _note(json.dumps({**run, "event": "ended", "at": time.time()}), RUNS)
    return began


async def runs() -> list[str]:
    """The notes of `clocked`, in order."""
    notes = await _redis().lrange(RUNS, 0, -1)
    return [note.decode() if isinstance(note, bytes) else note for note in notes]


async def _note(note: str, key: str = NOTES) -> None:
    """Redis may be away meanwhile."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                async with _redis().pipeline() as pipeline:
                    pipeline.rpush(key, note)
                    pipeline.expire(key, NOTES_SECONDS)
                    await pipeline.execute()
                return
            except redis.RedisError:
                await asyncio.sleep(0.1)


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(os.environ["PENSTOCK_URL"], socket_timeout=5)


@app.task(run_in="process")
def add_apart(a: int, b: int) -> list[int]:
    """In a process of its own: the sum, and who its parent is."""
    return [a + b, os.getppid()]


@app.task(run_in="process")
def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

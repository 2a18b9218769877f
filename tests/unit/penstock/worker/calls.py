"""Functions that child processes find again by their names."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from penstock import Penstock, Retry, TaskContext

app = Penstock("calls", url="memory://")


def double(n: int) -> int:
    return 2 * n


async def slowly_double(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


def pid() -> int:
    return os.getpid()


def echo(text: str) -> str:
    return text


def fail(how: str) -> None:
    if how == "retry":
        raise Retry(delay=3, reason="not yet")
    if how == "exit":
        sys.exit(7)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    raise UnicodeError(f"as {how}")


def sleep_until_stopped(folder: str) -> None:
    Path(folder, "began").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    finally:
        Path(folder, "cleaned up").touch()


def ignore_everything(folder: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(folder, "began").write_text(str(os.getpid()))
    time.sleep(60)


def report(context: TaskContext) -> int:
    context.progress(50, "half-way")
    return context.attempt


@app.task(run_in="process")
def registered() -> str:
    return "by its name"

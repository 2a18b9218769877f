"""What children run in tests. A module of its own, because each of them imports it: it stays light."""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from penstock import Penstock, Retry, TaskContext

app = Penstock("calls", url="memory://")
LONG = 60.0


def pid() -> int:
    return os.getpid()


def echo(value: Any) -> Any:
    return value


async def echo_async(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@app.task(name="calls.doubled")
def doubled(n: int) -> int:
    return 2 * n


class Shelf:
    def __call__(self) -> None: ...

    @staticmethod
    def halved(n: int) -> float:
        return n / 2


def described(context: TaskContext) -> list[object]:
    return [context.id, context.task, context.attempt, context.cancelled]


def where() -> list[str]:
    return [str(Path.cwd()), os.environ.get("PENSTOCK_TEST", ""), threading.current_thread().name]


def tell(steps: int, context: TaskContext) -> str:
    for step in range(steps + 1):
        context.progress(100 * step / steps, f"step {step}")
    return "told"


def tell_and_wait(told: str, context: TaskContext) -> None:
    context.progress(50, told)
    time.sleep(LONG)


class Unpicklable(Exception):
    def __init__(self, one: int, *, other: object) -> None:
        super().__init__("it has", one, "and more")
        self.other, self.lock = other, threading.Lock()


def raises_unpicklable() -> NoReturn:
    raise Unpicklable(1, other=lambda: None)


def raises_missing() -> NoReturn:
    raise FileNotFoundError("\udcff.txt")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def raises_mute() -> NoReturn:
    raise Mute


def raises_retry(delay: float | None) -> NoReturn:
    raise Retry(delay, "busy")


def leaves(code: int) -> NoReturn:
    sys.exit(code)


async def leaves_async(code: int) -> NoReturn:
    sys.exit(code)


def interrupts() -> NoReturn:
    raise KeyboardInterrupt


def returns_object() -> object:
    return object()


def crashes() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def vanishes(code: int) -> NoReturn:
    os._exit(code)


def hangs_up() -> None:
    os.closerange(3, 1000)


def is_interrupted() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def say(text: str) -> None:
    print(text)
    logging.getLogger("calls").info("logged %s", text)


# --- those that are cancelled: each makes the file `begun`, with its process's id ---


def note(file: str, text: object) -> None:
    """Whoever finds the file finds all of it."""
    Path(f"{file}.part").write_text(str(text))
    Path(f"{file}.part").rename(file)


def begin(begun: str) -> None:
    note(begun, os.getpid())


def cleans_up(begun: str, cleaned: str) -> None:
    try:
        begin(begun)
        time.sleep(LONG)
    finally:
        note(cleaned, "cleaned")


async def cleans_up_async(begun: str, cleaned: str) -> None:
    try:
        begin(begun)
        await asyncio.sleep(LONG)
    finally:
        await asyncio.sleep(0)
        note(cleaned, "cleaned")


async def cleans_up_busy(begun: str, cleaned: str) -> None:
    try:
        spins(begun)
    finally:
        note(cleaned, "cleaned")


def says_whether_cancelled(begun: str, said: str, context: TaskContext) -> None:
    try:
        begin(begun)
        time.sleep(LONG)
    finally:
        note(said, context.cancelled)


def spins(begun: str) -> None:
    begin(begun)
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        pass


def stubborn(begun: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begin(begun)
    time.sleep(LONG)


def swallows(begun: str) -> str:
    try:
        begin(begun)
        time.sleep(LONG)
    except BaseException:
        return "swallowed"
    return "not cancelled"


def leaves_a_thread(begun: str) -> None:
    threading.Thread(target=time.sleep, args=(LONG,)).start()
    begin(begun)
    time.sleep(LONG)


def starts_another(begun: str) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({LONG})"])
    note(begun, sleeper.pid)
    time.sleep(LONG)


def forks_and_crashes(begun: str) -> None:
    """The forked process keeps the child's socket open."""
    if os.fork() == 0:
        begin(begun)
        time.sleep(LONG)
        os._exit(0)
    while not Path(begun).exists():
        time.sleep(0.01)
    crashes()


def in_a_pool(n: int) -> list[int]:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(abs, [-n])


@functools.cache
def first_call() -> str:
    return str(os.getpid())

"""`penstock dev`: an app at work on a laptop, on a broker in memory unless it is given another."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.text import Text

from penstock.app import Penstock
from penstock.connections import Connections
from penstock.context import TaskContext
from penstock.errors import BadArgument, PenstockError
from penstock.middleware import Execute, Middleware
from penstock.serving import serving
from penstock.stop import Stop
from penstock.worker import Settings

__all__ = ["Journal", "develop", "typed"]

NAMESPACE = "dev"
DRAIN_SECONDS = 2.0
SHOWN = 200  # characters of a result


class Journal(Middleware):
    """A line for each attempt: when, what, how it ended and how long that took."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.time) -> None:
        self._console = console
        self._clock = clock

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        """See Middleware."""
        began = self._clock()
        try:
            result = await execute()
        except BaseException as error:
            self._say("✗", "red", context, began, f"{type(error).__name__}: {error}")
            raise
        self._say("✓", "green", context, began, repr(result))
        return result

    def _say(self, mark: str, colour: str, context: TaskContext, began: float, how: str) -> None:
        now = self._clock()
        line = Text(time.strftime("%H:%M:%S ", time.localtime(now)), "dim")
        line.append(f"{mark} {context.task} ", colour)
        if context.attempt > 1:
            line.append(f"(attempt {context.attempt}) ", "yellow")
        line.append(how if len(how) <= SHOWN else f"{how[:SHOWN]}…")
        line.append(f"  {(now - began) * 1000:.0f} ms", "dim")
        self._console.print(line)


async def develop(app: Penstock, settings: Settings, url: str | None, console: Console, stop: Stop) -> None:
    """Run `app`'s tasks until `stop`, and enqueue what is typed."""
    app.connections = Connections(url or "memory://", app.name if url is None else None)
    app.add_middleware(Journal(console))
    async with app, serving(app, settings) as worker:
        stop.running, stop.hand_back = worker.names, worker.hand_back
        where = url or "a broker in memory"
        console.print(f"{app.name} works on {', '.join(settings.queues)}, with {where}. Type a call, such as:")
        for name, task in list(app.tasks.items())[:3]:
            console.print(
                f"  {name}{task.definition.parameters.submitted}", style="cyan", markup=False, highlight=False
            )
        reading = asyncio.create_task(_enqueue_typed(app, console, _lines()))
        try:
            await stop.asked.wait()
        finally:
            reading.cancel()


async def _enqueue_typed(app: Penstock, console: Console, lines: AsyncIterator[str]) -> None:
    async for line in lines:
        try:
            await typed(app, line)
        except (PenstockError, ValueError) as error:
            console.print(str(error), style="red", markup=False)


async def typed(app: Penstock, line: str) -> None:
    """Enqueue the call that a line holds: NAME [VALUE…] [NAME=VALUE…], values as JSON, or text where they aren't. The
    app's own name may be left out. Raises BadArgument."""
    name, *words = shlex.split(line) or [""]
    if not name:
        return
    task = app.tasks.get(name) or app.tasks.get(f"{app.name}.{name}")
    if task is None:
        raise BadArgument(f"no task {name!r}; there are {', '.join(app.tasks)}")
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key.isidentifier():
            kwargs[key] = _value(value)
        else:
            args.append(_value(word))
    await task.enqueue(*args, **kwargs)


def _value(word: str) -> object:
    try:
        return json.loads(word)
    except ValueError:
        return word


async def _lines() -> AsyncIterator[str]:
    """What is typed. A thread reads it that nobody waits for: it can't be woken."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        with suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)

    threading.Thread(target=read, name="penstock-typed", daemon=True).start()
    while True:
        yield await lines.get()

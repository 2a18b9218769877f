"""`penstock dev`: an app at work on a laptop, on a broker in memory unless it is given another."""

from __future__ import annotations

import asyncio
import shlex
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from penstock.app import Penstock
from penstock.cli.words import json_or_text
from penstock.connections import Connections
from penstock.context import TaskContext
from penstock.errors import BadArgument, PenstockError
from penstock.middleware import Execute, Middleware
from penstock.process import live
from penstock.serving import engine, serving
from penstock.shown import shown, shown_error
from penstock.stop import Stop
from penstock.worker import Settings
from penstock.worker_settings import chosen

__all__ = ["Journal", "develop", "developing", "typed"]

NAMESPACE = "dev"
DRAIN_SECONDS = 2.0
SHOWN = 200  # characters of a result
ENDS = ("exit", "quit")


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
            self._say("✗", "red", context, began, shown_error(error, SHOWN))
            raise
        self._say("✓", "green", context, began, shown(result, SHOWN))
        return result

    def _say(self, mark: str, colour: str, context: TaskContext, began: float, how: str) -> None:
        now = self._clock()
        line = Text(time.strftime("%H:%M:%S ", time.localtime(now)), "dim")
        line.append(f"{mark} {context.task} ", colour)
        if context.attempt > 1:
            line.append(f"(attempt {context.attempt}) ", "yellow")
        line.append(how)
        line.append(f"  {(now - began) * 1000:.0f} ms", "dim")
        self._console.print(line)


def developing(app: Penstock, url: str | None, concurrency: int | None) -> NoReturn:
    """The command: until `exit`, Ctrl-D or a signal; then the process ends."""
    said = {} if concurrency is None else {"concurrency": concurrency}
    settings = engine(app, chosen(app.worker_settings, {**said, "drain_seconds": DRAIN_SECONDS}))

    async def developed(stop: Stop) -> int:
        await develop(app, settings, url, Console(), stop)
        return 0

    live(developed, drain_seconds=DRAIN_SECONDS)


async def develop(app: Penstock, settings: Settings, url: str | None, console: Console, stop: Stop) -> None:
    """Run `app`'s tasks until `stop`, or until somebody types so, and enqueue what is typed."""
    app.connections = Connections(url or "memory://", app.name if url is None else None, codec=app.codec)
    app.add_middleware(Journal(console))
    async with app, serving(app, settings) as worker:
        stop.running, stop.hand_back = worker.names, worker.hand_back
        where = url or "a broker in memory"
        console.print(f"{app.name} works on {', '.join(settings.queues)}, with {where}.")
        console.print("`exit` or Ctrl-D ends it. Type a call, such as:", markup=False, highlight=False)
        for name, task in list(app.tasks.items())[:3]:
            console.print(
                f"  {name}{task.definition.parameters.submitted}", style="cyan", markup=False, highlight=False
            )
        reading = asyncio.create_task(_enqueue_typed(app, console, _lines()))
        stopped = asyncio.create_task(stop.asked.wait())
        try:
            await asyncio.wait([reading, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            stopped.cancel()


async def _enqueue_typed(app: Penstock, console: Console, lines: AsyncIterator[str]) -> None:
    """Until somebody has typed enough."""
    async for line in lines:
        if line.strip() in ENDS:
            return
        try:
            await typed(app, line)
        except (PenstockError, ValueError) as error:
            console.print(str(error), style="red", markup=False)


async def typed(app: Penstock, line: str) -> None:
    """Enqueue the call that a line holds: NAME [VALUE…] [NAME=VALUE…], values as JSON, or text where they aren't. The
    app's own name may be left out. Raises BadArgument, or ValueError where a quotation isn't closed."""
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
            kwargs[key] = json_or_text(value, key)
        else:
            args.append(json_or_text(word, f"argument {len(args) + 1}"))
    await task.enqueue(*args, **kwargs)


async def _lines() -> AsyncIterator[str]:
    """What is typed, until Ctrl-D. A thread reads it that nobody waits for: it can't be woken. Input that isn't typed,
    such as none at all, may end: the tasks go on."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        with suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            if sys.stdin.isatty():
                loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, name="penstock-typed", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line

"""The commands. Each is thin: it reads the words and calls what does the work."""

from __future__ import annotations

import asyncio
import json
import logging
from importlib.metadata import version as installed
from typing import Annotated, Any

import typer

from penstock import tracing
from penstock.cli.tasks import Request, submit_task
from penstock.environment import names
from penstock.errors import ConfigurationError
from penstock.loading import load_app
from penstock.namespace import current_namespace
from penstock.process import stop_asked

__all__ = ["program"]

program = typer.Typer(no_args_is_help=True, help="Background tasks on Kubernetes.", pretty_exceptions_enable=False)


@program.command()
def version() -> None:
    """Which Penstock this is."""
    print(installed("penstock"))


@program.command()
def worker(
    app: Annotated[str, typer.Argument(help="MODULE:ATTRIBUTE, such as shop.tasks:app")],
    queues: Annotated[str, typer.Option(help="with commas between them; default: the app's own")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="tasks at a time")] = 16,
    drain_seconds: Annotated[float, typer.Option(min=0, help="for running tasks, after SIGTERM")] = 30,
) -> None:
    """Run tasks from PENSTOCK_URL until SIGTERM or Ctrl-C, then drain. In a cluster, a WorkerPool does this."""
    from penstock.worker import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    flush = tracing.configure("penstock-worker")
    loaded = load_app(app)
    asyncio.run(_work(loaded, Settings(names(queues) or loaded.queues, concurrency, drain_seconds=drain_seconds)))
    flush()


async def _work(app: Any, settings: Any) -> None:
    from penstock.worker import Worker

    stop = stop_asked()
    broker = app.broker()
    try:
        async with Worker(app.definitions, broker, settings):
            await stop.wait()
    finally:
        await broker.close()


@program.command()
def submit(
    task: Annotated[str, typer.Argument(help="its registered name, such as shop.send_welcome")],
    args: Annotated[list[str] | None, typer.Argument(help="JSON; a word that isn't JSON counts as text")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="default: as for the SDK")] = "",
    name: Annotated[str, typer.Option(help="of the Task; default: made from the task's")] = "",
    queue: Annotated[str, typer.Option(help="default: the part of the task's name before the first dot")] = "",
    kwargs: Annotated[str, typer.Option(help="keyword arguments as a JSON object")] = "{}",
    wait: Annotated[bool, typer.Option(help="for its end, and print the result")] = False,
) -> None:
    """Create a Task resource, and print its name or its result."""
    request = Request(task, [_json_or_text(word) for word in args or []], _object(kwargs), queue or None, name or None)
    print(asyncio.run(submit_task(request, namespace or current_namespace(), wait=wait)))


def _json_or_text(word: str) -> object:
    try:
        return json.loads(word)
    except ValueError:
        return word


def _object(text: str) -> dict[str, object]:
    found = _json_or_text(text)
    if not isinstance(found, dict):
        raise ConfigurationError(f'--kwargs {text!r}: give a JSON object, such as \'{{"locale": "en"}}\'')
    return found

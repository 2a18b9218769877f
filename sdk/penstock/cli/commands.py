"""The commands. Each is thin: it reads the words and calls what does the work."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Annotated, Any

import typer

from penstock.cli.batch_commands import batches_program
from penstock.cli.flags import with_flags
from penstock.cli.pool_commands import pools_program
from penstock.cli.queue_commands import dlq_program, queues_program
from penstock.cli.words import json_values, keywords
from penstock.distribution import installed_version
from penstock.loading import load_app
from penstock.resources.limits import MAX_CONCURRENCY

__all__ = ["program"]

program = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
program.add_typer(queues_program, name="queue")
program.add_typer(dlq_program, name="dlq")
program.add_typer(pools_program, name="pool")
program.add_typer(batches_program, name="batch")


def _version(asked: bool) -> None:
    if asked:
        print(installed_version())
        raise typer.Exit


@program.callback()
def penstock(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="which this is")] = False,
) -> None:
    """Background tasks on Kubernetes."""


@program.command()
def version() -> None:
    """Which Penstock this is."""
    print(installed_version())


@program.command()
@with_flags
def worker(app: Annotated[str, typer.Argument(help="MODULE:ATTRIBUTE, such as shop.tasks:app")], **said: Any) -> None:
    """Run tasks from PENSTOCK_URL until SIGTERM or Ctrl-C, then drain. In a cluster, a WorkerPool does this.

    A flag counts more than its environment variable, and that more than the app's own WorkerSettings.
    """
    from penstock.running import run_worker

    run_worker(partial(load_app, app), said)


@program.command()
def dev(
    app: Annotated[str, typer.Argument(help="MODULE:ATTRIBUTE, such as shop.tasks:app")],
    url: Annotated[str, typer.Option(help="of a Redis; default: a broker in this process's memory")] = "",
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=MAX_CONCURRENCY, help="tasks at a time (default: 16)")
    ] = None,
    reload: Annotated[bool, typer.Option(help="start again when a Python file here has changed")] = True,
) -> None:
    """Run an app's tasks on this machine without Redis or cluster: type calls, see what becomes of them. `exit`, Ctrl-D
    or Ctrl-C ends it."""
    from penstock.cli.dev import developing
    from penstock.cli.reload import reloading

    if reload:
        raise typer.Exit(reloading([sys.executable, "-m", "penstock.cli", *sys.argv[1:], "--no-reload"]))
    developing(load_app(app), url or None, concurrency)


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
    from penstock.cli.tasks import Request, submit_task
    from penstock.namespace import current_namespace

    request = Request(task, json_values(args or ()), keywords(kwargs), queue or None, name or None)
    print(asyncio.run(submit_task(request, namespace or current_namespace(), wait=wait)))

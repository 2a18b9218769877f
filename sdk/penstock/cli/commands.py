"""The commands. Each is thin: it reads the words and calls what does the work."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shlex
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import typer

from penstock import tasklog, tracing
from penstock.batch import BatchHandle
from penstock.cli.batches import batch_lines, batch_status, result_lines, using
from penstock.cli.pool_commands import pools_program
from penstock.cli.queues import described, letters, opened
from penstock.cli.tasks import Request, submit_task
from penstock.distribution import install, installed_version
from penstock.environment import names
from penstock.errors import ConfigurationError
from penstock.loading import load_app
from penstock.namespace import current_namespace
from penstock.process import collect_seldom, run, stop_asked
from penstock.queue import Queue

__all__ = ["program"]

R = TypeVar("R")
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

program = typer.Typer(no_args_is_help=True, help="Background tasks on Kubernetes.", pretty_exceptions_enable=False)


@program.command()
def version() -> None:
    """Which Penstock this is."""
    print(installed_version())


@program.command()
def worker(
    app: Annotated[str, typer.Argument(help="MODULE:ATTRIBUTE, such as shop.tasks:app")],
    queues: Annotated[str, typer.Option(help="with commas between them; default: the app's own")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="tasks at a time")] = 16,
    drain_seconds: Annotated[float, typer.Option(min=0, help="for running tasks, after SIGTERM")] = 30,
    processes: Annotated[int, typer.Option(min=1, help="worker processes, each with its own concurrency")] = 1,
    max_tasks: Annotated[int, typer.Option(min=0, help="a process is replaced after so many tasks; 0: never")] = 0,
    max_memory: Annotated[int, typer.Option(min=0, help="… or once it holds so many MiB; 0: never")] = 0,
    lease_seconds: Annotated[float, typer.Option(min=1, help="after which a dead worker's tasks go to others")] = 15,
    name: Annotated[str, typer.Option(help="that tasks show as their worker; default: the host's")] = "",
    port: Annotated[
        int, typer.Option(min=0, help="for /healthz, /readyz, /metrics; its processes' follow; 0: none")
    ] = 0,
    log_level: Annotated[LogLevel, typer.Option(help="what is told")] = "INFO",
) -> None:
    """Run tasks from PENSTOCK_URL until SIGTERM or Ctrl-C, then drain. In a cluster, a WorkerPool does this."""
    from penstock.worker import Limits, Settings
    from penstock.worker.supervisor import PLACE, SUPERVISED

    tasklog.configure(log_level)
    recycles = bool(max_tasks or max_memory)
    if (processes > 1 or recycles) and SUPERVISED not in os.environ:
        raise typer.Exit(_supervise(processes, drain_seconds, port))
    flush = tracing.configure("penstock-worker")
    loaded = load_app(app)
    collect_seldom()
    limits = Limits(max_tasks or None, max_memory * 2**20 or None).jittered(random.random)
    named = {"name": name} if name else {}
    chosen = names(queues) or loaded.queues
    settings = Settings(chosen, concurrency, lease_seconds, drain_seconds, limits=limits, **named)
    own_port = port + 1 + int(os.environ[PLACE]) if port and PLACE in os.environ else port
    code = run(_work(loaded, settings, own_port))
    flush()
    raise typer.Exit(code)


@program.command()
def dev(
    app: Annotated[str, typer.Argument(help="MODULE:ATTRIBUTE, such as shop.tasks:app")],
    url: Annotated[str, typer.Option(help="of a Redis; default: a broker in this process's memory")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="tasks at a time")] = 16,
    reload: Annotated[bool, typer.Option(help="start again when a Python file here has changed")] = True,
) -> None:
    """Run an app's tasks on this machine without Redis or cluster: type calls, see what becomes of them."""
    if reload:
        _reloading()
        return
    from rich.console import Console

    from penstock.cli.dev import DRAIN_SECONDS, develop
    from penstock.worker import Settings

    loaded = load_app(app)
    settings = Settings(loaded.queues, concurrency, drain_seconds=DRAIN_SECONDS)

    async def developed() -> None:
        await develop(loaded, settings, url or None, Console(), stop_asked())

    run(developed())


def _reloading() -> None:
    """The same command in a process that is replaced whenever a Python file changes."""
    try:
        from watchfiles import PythonFilter, run_process
    except ImportError:
        raise ConfigurationError(
            f"penstock dev needs watchfiles to restart on changes: {install('dev')}; or pass --no-reload"
        ) from None
    command = shlex.join([sys.executable, "-m", "penstock.cli", *sys.argv[1:], "--no-reload"])
    run_process(".", target=command, target_type="command", watch_filter=PythonFilter())


def _supervise(processes: int, drain_seconds: float, port: int) -> int:
    from penstock.worker.health import Oversight
    from penstock.worker.supervisor import Supervision, supervise

    async def supervised() -> int:
        async with Oversight(port, processes) if port else nullcontext():
            return await supervise(Supervision((sys.executable, *sys.argv), processes, drain_seconds), stop_asked())

    return run(supervised())


async def _work(app: Any, settings: Any, port: int) -> int:
    """Exit code 0 after a drain that was asked for, RECYCLED where the supervisor should start another."""
    from penstock.serving import serving
    from penstock.worker.health import Health
    from penstock.worker.supervisor import RECYCLED, watch_supervisor

    stop = stop_asked()
    loop = asyncio.get_running_loop()
    watch_supervisor(partial(loop.call_soon_threadsafe, stop.set))
    async with serving(app, settings) as worker, Health(worker, port) if port else nullcontext():
        await worker.until(stop)
    return 0 if stop.is_set() else RECYCLED


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


queues_program = typer.Typer(no_args_is_help=True, help="Queues, on the broker of PENSTOCK_URL.")
dlq_program = typer.Typer(no_args_is_help=True, help="Dead letters, on the broker of PENSTOCK_URL.")
program.add_typer(queues_program, name="queue")
program.add_typer(dlq_program, name="dlq")
program.add_typer(pools_program, name="pool")

QueueName = Annotated[str, typer.Argument(help="the queue's name")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="default: as for the SDK")]
Ids = Annotated[list[str] | None, typer.Argument(help="of tasks; none: all")]


@queues_program.command("show")
def show_queue(queue: QueueName, namespace: Namespace = "") -> None:
    """What a queue holds."""
    print(asyncio.run(described(queue, namespace)))


@queues_program.command("pause")
def pause_queue(queue: QueueName, namespace: Namespace = "") -> None:
    """Start no more of its tasks. A TaskQueue resource has the last word: set its spec.paused instead."""
    asyncio.run(_on(queue, namespace, Queue.pause))


@queues_program.command("resume")
def resume_queue(queue: QueueName, namespace: Namespace = "") -> None:
    """Start its tasks again."""
    asyncio.run(_on(queue, namespace, Queue.resume))


@dlq_program.command("list")
def list_letters(queue: QueueName, namespace: Namespace = "", limit: int = 100) -> None:
    """The oldest dead letters: id, task, reason."""
    for line in asyncio.run(letters(queue, namespace, limit)):
        print(line)


@dlq_program.command("replay")
def replay_letters(queue: QueueName, ids: Ids = None, namespace: Namespace = "") -> None:
    """Run dead letters again, from their first attempt."""
    print(asyncio.run(_on(queue, namespace, partial(Queue.replay, ids=ids or None))), "queued again")


@dlq_program.command("purge")
def purge_letters(queue: QueueName, ids: Ids = None, namespace: Namespace = "") -> None:
    """Forget dead letters."""
    print(asyncio.run(_on(queue, namespace, partial(Queue.purge, ids=ids or None))), "forgotten")


batches_program = typer.Typer(
    no_args_is_help=True, help="TaskBatches, on the cluster of KUBECONFIG and the broker of PENSTOCK_URL."
)
program.add_typer(batches_program, name="batch")

BatchName = Annotated[str, typer.Argument(help="the TaskBatch's name")]


@batches_program.command("list")
def list_batches(namespace: Namespace = "") -> None:
    """All batches: name, phase, how many of how many succeeded, how many failed."""
    for line in asyncio.run(batch_lines(namespace)):
        print(line)


@batches_program.command("get")
def get_batch(name: BatchName, namespace: Namespace = "") -> None:
    """How a batch stands."""
    print(asyncio.run(batch_status(name, namespace)))


@batches_program.command("results")
def batch_results(
    name: BatchName,
    namespace: Namespace = "",
    failures: Annotated[bool, typer.Option("--failures", help="only of items that failed")] = False,
) -> None:
    """How its items have ended: index, and the result as JSON or the error."""

    async def shown() -> None:
        async for line in result_lines(name, namespace, failures=failures):
            print(line)

    asyncio.run(shown())


@batches_program.command("cancel")
def cancel_batch(name: BatchName, namespace: Namespace = "") -> None:
    """Cancel all items that haven't ended."""
    print("cancelled" if asyncio.run(_on_batch(name, namespace, BatchHandle.cancel)) else "it had ended before")


@batches_program.command("retry")
def retry_batch(name: BatchName, namespace: Namespace = "") -> None:
    """Run again the items of a finished batch that didn't succeed."""
    print("run", asyncio.run(_on_batch(name, namespace, BatchHandle.retry)))


async def _on_batch(name: str, namespace: str, act: Callable[[BatchHandle[Any]], Awaitable[R]]) -> R:
    async with using(namespace) as app:
        return await act(app.batch_handle(name))


async def _on(queue: str, namespace: str, act: Callable[[Queue], Awaitable[R]]) -> R:
    async with opened(queue, namespace) as found:
        return await act(found)


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

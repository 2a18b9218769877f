"""`penstock queue …` and `penstock dlq …`."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

__all__ = ["dlq_program", "queues_program"]

MOST_LETTERS = 1_000_000

queues_program = typer.Typer(no_args_is_help=True, help="Queues, on the broker of PENSTOCK_URL.")
dlq_program = typer.Typer(no_args_is_help=True, help="Dead letters, on the broker of PENSTOCK_URL.")

QueueName = Annotated[str, typer.Argument(help="the queue's name")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="default: as for the SDK")]
Ids = Annotated[list[str] | None, typer.Argument(help="of tasks; none: all")]


@queues_program.command("show")
def show_queue(queue: QueueName, namespace: Namespace = "") -> None:
    """What a queue holds, as JSON. Exit code 1 where nothing is known of it."""
    from penstock.cli.queues import described

    async def shown() -> None:
        async for text in described(queue, namespace):
            print(text)

    asyncio.run(shown())


@queues_program.command("pause")
def pause_queue(queue: QueueName, namespace: Namespace = "") -> None:
    """Start no more of its tasks. A TaskQueue resource has the last word: set its spec.paused instead."""
    from penstock.cli.queues import paused

    if not asyncio.run(paused(queue, namespace)):
        print(f"queue {queue} is paused, though nothing is known of it yet: is its name right?", file=sys.stderr)


@queues_program.command("resume")
def resume_queue(queue: QueueName, namespace: Namespace = "") -> None:
    """Start its tasks again."""
    from penstock.cli.queues import resumed

    asyncio.run(resumed(queue, namespace))


@dlq_program.command("list")
def list_letters(
    queue: QueueName,
    namespace: Namespace = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST_LETTERS, help="how many at most")] = 100,
) -> None:
    """The oldest dead letters, a line each: id, task, reason, with tabs between them."""
    from penstock.cli.queues import letters

    for line in asyncio.run(letters(queue, namespace, limit)):
        print(line)


@dlq_program.command("replay")
def replay_letters(queue: QueueName, ids: Ids = None, namespace: Namespace = "") -> None:
    """Run dead letters again, from their first attempt. Exit code 1 where one of the ids is none of the queue's."""
    from penstock.cli.queues import these
    from penstock.queue import Queue

    _told(asyncio.run(these(queue, namespace, Queue.replay, ids)), "queued again", queue)


@dlq_program.command("purge")
def purge_letters(
    queue: QueueName,
    ids: Ids = None,
    namespace: Namespace = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
) -> None:
    """Forget dead letters: they can't be run again then. Asks first. Exit code 1 where one of the ids is none of the
    queue's."""
    from penstock.cli.queues import count_dead, these
    from penstock.queue import Queue

    if not yes:
        _ask(len(set(ids)) if ids else asyncio.run(count_dead(queue, namespace)), queue)
    _told(asyncio.run(these(queue, namespace, Queue.purge, ids)), "forgotten", queue)


def _ask(count: int, queue: str) -> None:
    """Go on only if somebody says so."""
    said = f"{count} dead letter{'' if count == 1 else 's'} of queue {queue}"
    if not count:
        return
    if not _typed():
        raise typer.BadParameter(f"{said} would be forgotten for good, and nobody can be asked: pass --yes")
    typer.confirm(f"Forget {said} for good?", abort=True)


def _typed() -> bool:
    """Whether there is somebody at a keyboard."""
    return sys.stdin is not None and sys.stdin.isatty()


def _told(result: tuple[int, list[str]], done: str, queue: str) -> None:
    """Say how many there were, and which weren't there."""
    count, missing = result
    print(count, done)
    if missing:
        print(f"error: no dead letters of queue {queue}: {', '.join(missing)}", file=sys.stderr)
        raise typer.Exit(1)

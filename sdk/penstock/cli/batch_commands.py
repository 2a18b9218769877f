"""`penstock batch …`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

__all__ = ["batches_program"]

batches_program = typer.Typer(
    no_args_is_help=True, help="TaskBatches, on the cluster of KUBECONFIG and the broker of PENSTOCK_URL."
)

BatchName = Annotated[str, typer.Argument(help="the TaskBatch's name")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="default: as for the SDK")]


@batches_program.command("list")
def list_batches(namespace: Namespace = "") -> None:
    """All batches: name, phase, how many of how many succeeded, how many failed."""
    from penstock.cli.batches import batch_lines

    for line in asyncio.run(batch_lines(namespace)):
        print(line)


@batches_program.command("get")
def get_batch(name: BatchName, namespace: Namespace = "") -> None:
    """How a batch stands."""
    from penstock.cli.batches import batch_status

    print(asyncio.run(batch_status(name, namespace)))


@batches_program.command("results")
def batch_results(
    name: BatchName,
    namespace: Namespace = "",
    failures: Annotated[bool, typer.Option("--failures", help="only of items that failed")] = False,
) -> None:
    """How its items have ended: index, and the result as JSON or the error."""
    from penstock.cli.batches import result_lines

    async def shown() -> None:
        async for line in result_lines(name, namespace, failures=failures):
            print(line)

    asyncio.run(shown())


@batches_program.command("cancel")
def cancel_batch(name: BatchName, namespace: Namespace = "") -> None:
    """Cancel all items that haven't ended."""
    from penstock.batch import BatchHandle
    from penstock.cli.batches import on

    print("cancelled" if asyncio.run(on(name, namespace, BatchHandle.cancel)) else "it had ended before")


@batches_program.command("retry")
def retry_batch(name: BatchName, namespace: Namespace = "") -> None:
    """Run again the items of a finished batch that didn't succeed."""
    from penstock.batch import BatchHandle
    from penstock.cli.batches import on

    print("run", asyncio.run(on(name, namespace, BatchHandle.retry)))

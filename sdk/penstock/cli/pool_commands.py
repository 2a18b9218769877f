"""`penstock pool …`."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["pools_program"]

pools_program = typer.Typer(no_args_is_help=True, help="WorkerPools, on the cluster of KUBECONFIG.")


class Output(StrEnum):
    """How it is told."""

    TEXT = "text"
    JSON = "json"


Namespace = Annotated[str, typer.Option("--namespace", "-n", help="default: as for the SDK")]


@pools_program.command("list")
def list_pools(namespace: Namespace = "") -> None:
    """All pools: name, mode, how many of how many workers are ready, how many are busy, why."""
    from penstock.cli.pools import pool_lines

    for line in asyncio.run(pool_lines(namespace)):
        print(line)


@pools_program.command("explain")
def explain_pool(
    name: Annotated[str, typer.Argument(help="the WorkerPool's name")],
    namespace: Namespace = "",
    minutes: Annotated[int, typer.Option(min=1, max=60, help="how far the charts look back")] = 60,
    output: Annotated[Output, typer.Option("--output", "-o", help="for people or for machines")] = Output.TEXT,
    system_namespace: Annotated[str, typer.Option(help="where the operator is installed")] = "penstock-system",
    service: Annotated[str, typer.Option(help="the operator's Service")] = "penstock-operator",
) -> None:
    """Why a pool has as many workers as it has: the decision, its figures, conditions, Events and the last hour."""
    from penstock.cli.chart import ASCII, BLOCKS
    from penstock.cli.explain import Page, explained
    from penstock.cli.pools import Operator, find

    found = asyncio.run(find(name, namespace, Operator(system_namespace, service)))
    if output is Output.JSON:
        print(found.json())
        return
    width = shutil.get_terminal_size().columns
    encoding = sys.stdout.encoding or "ascii"
    ink = BLOCKS if encoding.lower().startswith("utf") else ASCII
    for line in explained(found, Page(width, minutes, ink, time.time())):
        print(line.encode(encoding, "replace").decode(encoding))

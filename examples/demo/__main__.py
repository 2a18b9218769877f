"""`make demo`: Penstock on a cluster, from nothing to the trace of a task. Leaves all of it running.

1. the cluster, the images, the chart, 2. the shop's image and pool, 3. the work: Tasks by kubectl, more from Python,
4. until all has ended and the pool sleeps again, 5. what came of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from demo.live import Timeline, follow
from demo.outcome import Outcome
from demo.span_tree import PIPE_WIDTH
from demo.stage import Stage, prepare
from local_cluster.errors import ClusterError

console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def main() -> int:
    """Exit code 0 if everything came out as it should."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--name", default="demo")
    parser.add_argument("--kubeconfig", type=Path, default=Path("build/kubeconfig"))
    options = parser.parse_args()
    began = time.monotonic()
    try:
        stage = prepare(options.name, options.kubeconfig.resolve())
        timeline = work(stage)
    except ClusterError as error:
        console.print(f"[red]error:[/] {error}")
        return 1
    outcome = Outcome.gather(stage, timeline, Path("build/demo/thumbnails"))
    outcome.show(console)
    console.print(
        f"\n{'all as expected' if outcome.good else '[red]NOT as expected, see above[/]'}, "
        f"{time.monotonic() - began:.0f} s in all"
    )
    farewell(stage)
    return 0 if outcome.good else 1


def work(stage: Stage) -> Timeline:
    """All of it, to the end."""
    console.rule("the work: fourteen Tasks by kubectl, and a Python program that submits more")
    return follow(stage, console)


def farewell(stage: Stage) -> None:
    """How to look around, and how to end it."""
    stop = "make cluster-down" if stage.name == "demo" else f"make cluster-down NAME={stage.name}"
    console.print(
        f"""
Look around:   export KUBECONFIG={stage.kubeconfig}
               kubectl get ptask,ppool,pqueue
               kubectl describe ptask payment-1001
               kubectl -n penstock-system logs deploy/penstock-operator
Stop it:       {stop}""",
        highlight=False,
    )


if __name__ == "__main__":
    sys.exit(main())

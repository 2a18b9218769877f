"""`python -m benchmarks.autoscale.validation`: measure on the demo's cluster, predict, compare, keep and draw."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.autoscale.plots import FOLDER
from benchmarks.autoscale.timeline import Line, Panel, draw
from benchmarks.autoscale.validation import stage
from benchmarks.autoscale.validation.bursts import OBJECTIVE, Call, sequence
from benchmarks.autoscale.validation.comparison import Row, compare, lines
from benchmarks.autoscale.validation.measured import Measured, counts, measure
from benchmarks.autoscale.validation.predicted import predict
from benchmarks.autoscale.validation.sightings import Sighting, follow
from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.noop import complete
from benchmarks.capacity.pool import POOL_LABEL
from benchmarks.capacity.stuck import Stuck, until
from benchmarks.kept import keep
from benchmarks.peers.table import aligned

from penstock.errors import PenstockError
from penstock.kube import Kube
from penstock.process import run
from penstock.report import TASKS
from penstock.stopping import stopped

OUT = Path("build/bench/autoscale-validation.json")
PATIENCE = 180.0  # for what is still to be done when all is sent
TAIL_SECONDS = 30.0  # beyond idleSeconds: the pool falls asleep again


async def record(cluster: Cluster, calls: list[Call]) -> Measured:
    """Send all of them, and follow the pool until it sleeps."""
    seen = dict[str, Sighting]()
    following = asyncio.create_task(follow(cluster, f"{POOL_LABEL}={stage.NAME}", seen))
    began = time.time()
    try:
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(calls):
                group.create_task(_send(cluster, number, call))
        await until(
            f"{len(calls)} Tasks to be Complete; see: kubectl get ptask", lambda: _done(cluster, len(calls)), PATIENCE
        )
        await asyncio.sleep(TAIL_SECONDS)
    finally:
        await stopped(following)
    tasks = [body async for body in cluster.kube.list(TASKS, cluster.namespace, labelSelector=stage.LABEL)]
    return measure(tasks, seen, began, time.time())


async def _send(cluster: Cluster, number: int, call: Call) -> None:
    await asyncio.sleep(call.at)
    await cluster.kube.create(TASKS, cluster.namespace, stage.task(number, call))


async def _done(cluster: Cluster, count: int) -> bool:
    listed = cluster.kube.list(TASKS, cluster.namespace, labelSelector=stage.LABEL)
    return sum([complete(body) async for body in listed]) == count


async def main() -> None:
    """Measure, predict, compare."""
    calls, kube = sequence(), await Kube.connect()
    print(f"{len(calls)} tasks over {calls[-1].at:.0f} s", flush=True)
    try:
        cluster = Cluster(kube, pool=stage.NAME)
        async with stage.built(cluster):
            measured = await record(cluster, calls)
    finally:
        await kube.close()
    _report(measured)


def _report(measured: Measured) -> None:
    figures, guess = predict(measured, stage.spec(), OBJECTIVE)
    pods = counts(((pod.created, pod.gone) for pod in measured.pods.values()), measured.end)
    rows = compare(measured, pods, figures, guess, OBJECTIVE)
    startup = measured.startup
    print(f"{len(measured.pods)} pods, {startup.median:.1f} s to the first claim (median; sigma {startup.sigma:.2f})")
    print(aligned(lines(rows)))
    print("\nwritten:", *map(str, [_keep(measured, rows), _draw(measured, pods, guess)]))


def _keep(measured: Measured, rows: list[Row]) -> Path:
    startup = measured.startup
    kept = {
        "tasks": [asdict(task) for task in measured.tasks],
        "pods": [asdict(pod) for pod in measured.pods.values()],
        "startup": {"median": startup.median, "sigma": startup.sigma},
        "rows": [asdict(row) | {"difference": row.difference} for row in rows],
    }
    return keep(OUT, kept)


def _draw(measured: Measured, pods: list[int], guess: list[float]) -> Path:
    waiting = counts(((task.queued, task.started) for task in measured.tasks), measured.end)
    panels = [
        Panel("waiting tasks, measured", [Line("", waiting, 0)]),
        Panel("pods", [Line("predicted", guess, 2), Line("measured", pods, 1)]),
    ]
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "autoscale-validation.svg"
    path.write_text(draw("Measured on a cluster and predicted", measured.end, panels))
    return path


if __name__ == "__main__":
    try:
        run(main())
    except (Stuck, PenstockError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

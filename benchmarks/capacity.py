"""How fast the way through resources is, on the cluster of KUBECONFIG: latency of single warm Tasks, one after another,
from the start of the create request to the Complete condition as a watch sees it.

    make capacity        →  build/bench/capacity.json and a table
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import uuid
from pathlib import Path

from penstock.kube import Kube, Manifest
from penstock.report import TASKS
from penstock.resources.kinds import API_VERSION

NAMESPACE = "default"
WARM_UP = 20
COUNT = 200
PATIENCE = 60.0
OUT = Path("build/bench/capacity.json")


def task(name: str) -> Manifest:
    """A Task of the demo's no-op, gone a minute after its end."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": {"name": name, "labels": {"penstock.dev/bench": "capacity"}},
        "spec": {"task": "shop.noop", "ttlSecondsAfterFinished": 60},
    }


def complete(body: Manifest) -> bool:
    """What `kubectl wait --for=condition=Complete` waits for."""
    conditions = body.get("status", {}).get("conditions", ())
    return any(c["type"] == "Complete" and c["status"] == "True" for c in conditions)


async def latencies(kube: Kube, count: int) -> list[float]:
    """Seconds from the request to the watch's event, of Tasks that follow each other."""
    waiting: dict[str, asyncio.Future[float]] = {}
    watching = asyncio.create_task(_watch(kube, waiting))
    run, found = uuid.uuid4().hex[:6], []
    try:
        for number in range(count):
            name = f"bench-{run}-{number}"
            waiting[name] = asyncio.get_running_loop().create_future()
            began = time.perf_counter()
            await kube.create(TASKS, NAMESPACE, task(name))
            found.append(await asyncio.wait_for(waiting[name], PATIENCE) - began)
    finally:
        watching.cancel()
    return found


async def _watch(kube: Kube, waiting: dict[str, asyncio.Future[float]]) -> None:
    async for _, body in kube.watch(TASKS, NAMESPACE, labelSelector="penstock.dev/bench=capacity"):
        future = waiting.get(body["metadata"]["name"])
        if future is not None and not future.done() and complete(body):
            future.set_result(time.perf_counter())


def percentile(values: list[float], percent: int) -> float:
    """In ms, rounded to a tenth."""
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1] * 1000, 1)


async def measure() -> list[float]:
    """Warm up, then measure; seconds."""
    kube = await Kube.connect()
    try:
        await latencies(kube, WARM_UP)
        return await latencies(kube, COUNT)
    finally:
        await kube.close()


def main() -> None:
    """Measure, keep and tell."""
    measured = asyncio.run(measure())
    row = {"tasks": COUNT, **{f"p{p}_ms": percentile(measured, p) for p in (50, 95, 99)}}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"single_task_latency": row, "samples_ms": [round(s * 1000, 2) for s in measured]}))
    print("apply → Complete of single warm no-op Tasks:", "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()

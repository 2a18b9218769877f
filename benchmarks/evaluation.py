"""What it costs the operator to evaluate a thousand pools: to look at their queues and to decide on each.

make looks          →  ms from asking for the queues to the last decision, CPU of Redis and of this process in that, and
                       how many connections Redis has from it
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import redis.asyncio
from benchmarks.clocks import clocks
from benchmarks.kept import keep
from benchmarks.looks import filled
from benchmarks.peers.record import Machine
from benchmarks.peers.server import Server, serve

from penstock.kube import Kube
from penstock.process import run
from penstock.resources.pool import WorkerPool
from penstock.stopping import stopped
from penstock_operator.api import Key
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.watch import Watch
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.namespaces import Namespaces
from penstock_operator.pools.controller import Edges, Pools
from penstock_operator.pools.workloads import Workload
from penstock_operator.settings import Settings
from penstock_operator.watching.stored import Stored

OUT = Path("build/bench/evaluation.json")
NAMESPACES, POOLS = 50, 20  # of each namespace; each pool has a queue of its own
TURNS = 15
BAR = 1000.0  # ms
SETTINGS = Settings("", "penstock-system", "worker:1", "IfNotPresent", "penstock-worker", "", "INFO")


@dataclass
class Operator:
    """The part of it that evaluates. Nothing is acted on: there is no API server."""

    server: Server
    turns: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.brokers = Brokers(self.server.url)
        kube = cast("Kube", None)
        self._watch = Watch(self.brokers, self._horizons, self._asleep, self._looked)
        edges = Edges(kube, self.brokers, Namespaces(kube, SETTINGS), Events(kube, "bench"), SETTINGS)
        self.pools = Pools(edges, self._watch.readings)
        self._full = asyncio.Event()

    def add(self, namespace: str, name: str) -> None:
        """A pool with a Deployment."""
        meta = {"namespace": namespace, "name": name, "uid": f"{namespace}-{name}"}
        scaling = {
            "target": {"latencySeconds": 5},
            "windows": [{"schedule": "0 8 * * 1-5", "durationMinutes": 60, "minReplicas": 2}],
        }
        manifest = {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "WorkerPool",
            "metadata": meta,
            "spec": {"app": "shop.tasks:app", "queues": [name], "autoscaling": scaling},
        }
        self.pools.seen(Stored(manifest, WorkerPool.stored(manifest)))
        owned = DeploymentView.of({"metadata": meta, "spec": {"replicas": 1}})
        self.pools.workloads.seen(Workload(f"{meta['uid']}-workers", (namespace, name), owned))

    def _horizons(self) -> dict[Key, float]:
        self._before = clocks(self.server.pid)
        return self.pools.horizons()

    def _asleep(self, queue: Key) -> bool:
        return self.pools.asleep(queue)

    def _looked(self, queues: Collection[Key]) -> None:
        self.pools.looked(queues)
        if len(queues) == NAMESPACES * POOLS:
            after = clocks(self.server.pid)
            self.turns.append([end - start for start, end in zip(self._before, after, strict=True)])
        if len(self.turns) > TURNS:
            self._full.set()

    async def evaluate(self) -> None:
        """Once a second, as the operator does."""
        watching = asyncio.create_task(self._watch.run())
        async with asyncio.timeout(TURNS * 5):
            await self._full.wait()
        self.decided = sum(view.decision is not None for view in self.pools.views.views())
        self.connections = await _connections(self.server.url)
        await stopped(watching)
        await self.brokers.close()


async def _connections(url: str) -> int:
    """How many Redis has, but for this question's."""
    asking = redis.asyncio.Redis.from_url(url)
    found = await asking.client_list()
    await asking.aclose()
    return len(found) - 1


async def measured(server: Server) -> Operator:
    """Evaluations of pools whose queues hold tasks and have workers."""
    before = await _connections(server.url)
    operator = Operator(server)
    for space in range(NAMESPACES):
        names = [f"q{number}" for number in range(POOLS)]
        await asyncio.gather(*(filled(operator.brokers.of(f"n{space}"), name) for name in names))
        for name in names:
            operator.add(f"n{space}", name)
    await operator.evaluate()
    operator.connections -= before
    return operator


def main() -> int:
    """Measure, keep and tell. Fails where it takes too long, or more connections than one for commands and one for
    what wakes queues."""
    with tempfile.TemporaryDirectory(prefix="penstock-evaluation-") as folder, serve(Path(folder)) as server:
        operator = run(measured(server))
    wall, redis_ms, own = map(statistics.median, zip(*operator.turns[1:], strict=True))
    pools = NAMESPACES * POOLS
    met = wall <= BAR and operator.connections <= 2 and operator.decided == pools
    told = {"ms": wall, "redis ms": redis_ms, "own ms": own, "connections": operator.connections}
    keep(OUT, {"machine": asdict(Machine.here()), "pools": pools, "bar ms": BAR, **told}, indent=2)
    print(
        f"{operator.decided:,} of {pools:,} pools in {NAMESPACES} namespaces: {wall:.0f} ms at the median; "
        f"CPU: Redis {redis_ms:.0f} ms, this process {own:.0f} ms; {operator.connections} connections"
    )
    print(f"{'met' if met else 'missed'}: {pools:,} pools ≤ {BAR:g} ms on one connection and one subscription")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

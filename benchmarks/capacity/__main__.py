"""`python -m benchmarks.capacity`: measure, keep, draw and tell. A bar that is missed doesn't fail it."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Mapping

from benchmarks.capacity import batch, jobs, latency, live, plot, pool, raw, record, sustained, table
from benchmarks.capacity.bars import judge
from benchmarks.capacity.cluster import Cluster, connect, remove
from benchmarks.capacity.environment import look
from benchmarks.capacity.figures import Found
from benchmarks.capacity.options import Options, Sizes
from benchmarks.capacity.record import Run
from benchmarks.capacity.stuck import Stuck
from benchmarks.peers.table import aligned

from penstock.errors import PenstockError
from penstock.process import run

Stage = Callable[[Cluster], Awaitable[Found]]


def stages(sizes: Sizes) -> Mapping[str, Stage]:
    """In the order in which they run."""
    return {
        "raw": lambda cluster: raw.measure(cluster, sizes.raw),
        "sustained": lambda cluster: sustained.measure(cluster, sizes.sustained),
        "jobs": lambda cluster: jobs.measure(cluster, sizes.jobs),
        "latency": lambda cluster: latency.measure(cluster, sizes.latency),
        "live": lambda cluster: live.measure(cluster, sizes.levels),
        "batch": lambda cluster: batch.measure(cluster, sizes.batch),
    }


async def measure(options: Options) -> Run:
    """All stages that are asked for; one that fails doesn't cost the others."""
    async with connect() as cluster:
        environment = await look(cluster)
        async with pool.held(cluster, options.sizes.workers):
            found = {name: await _stage(cluster, name, options.sizes) for name in options.only}
    figures = {name: value for stage in found.values() for name, value in stage.figures.items()}
    return Run(options, environment, found, figures, judge(figures))


async def _stage(cluster: Cluster, name: str, sizes: Sizes) -> Found:
    began = time.monotonic()
    try:
        found = await stages(sizes)[name](cluster)
    except (Stuck, PenstockError, OSError, ValueError) as error:
        found = Found(error=f"{type(error).__name__}: {error}")
    await remove(cluster)
    said = ", ".join(f"{name} {value:,.4g}" for name, value in found.figures.items())
    print(f"  {name}: {said or found.error}  [{time.monotonic() - began:.0f} s]", flush=True)
    return found


def main() -> int:
    """Exit code 1 where there is nothing to measure on."""
    options = Options.parse()
    try:
        found = run(measure(options))
    except (Stuck, PenstockError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _report(found)
    return 0


def _report(run: Run) -> None:
    print()
    for text in table.tables(run.stages, run.figures):
        print(text)
    print(aligned([(bar.verdict, bar.wanted, bar.measured) for bar in run.bars], left=3))
    path = plot.FILE if run.options.is_full else record.OUT.parent / "plots" / plot.FILE.name
    print("\nwritten:", *map(str, [record.write(run), *plot.write(run.figures, path)]))


if __name__ == "__main__":
    sys.exit(main())
